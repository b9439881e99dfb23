import { fileURLToPath } from "node:url";
import { lax, type Member, run, strict } from "./zoo.ts";

const SCRIPT = fileURLToPath(new URL("../erlang/server.escript", import.meta.url));

/** Erlang/OTP's `ssl`, as in RabbitMQ. */
const erlang =
  (demand: boolean): Member["start"] =>
  async (program, enclosure) => {
    const { cert, key, ca } = enclosure;
    const script = ["-noinput", "-run", "escript", "start", "-extra", SCRIPT];
    return run(enclosure, program, (port) => [...script, String(port), cert, key, ca, String(demand)]);
  };

export const erlangs: readonly Member[] = [
  // a valid client may send its certificate twice there
  ...strict("Erlang/OTP ssl", "tls", { "`verify_peer`, `fail_if_no_peer_cert`": erlang(true) }),
  ...lax("Erlang/OTP ssl", "tls", { "`verify_peer` alone": [["no-cert"], erlang(false)] }),
];
