import { connect } from "node:net";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ESSENTIAL,
  newWorld,
  outside,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { tcpServer, tlsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

describe.concurrent("tls", () => {
  const onData = (socket: TLSSocket) => socket.on("data", () => {});
  const number = () => Buffer.from(outside.random(8)).toString("hex");
  test.each([
    ["speaks first", (socket: TLSSocket) => socket.write("220 fleet gateway\r\n")],
    ["echoes", (socket: TLSSocket) => socket.pipe(socket)],
    ["stays silent", onData],
    [
      "greets with a number that differs",
      (socket: TLSSocket) => socket.write(`${number()} fleet gateway\r\n`),
    ],
    ["hangs up on a line", (socket: TLSSocket) => socket.once("data", () => socket.destroy())],
  ] as const)("a service that %s", async (_name, serve) => {
    // one version: silence takes its time
    const version = { minVersion: "TLSv1.3" } as const;
    const request = { attacks: selected("no-cert", "self-signed", "wrong-ca", "plaintext") };
    const [strictPort, laxPort] = await Promise.all([
      tlsServer(strict(version), serve),
      tlsServer(lax(version), serve),
    ]);
    const [enforced, bypassed] = await Promise.all([
      probed(world, `tls://localhost:${strictPort}`, request),
      probed(world, `tls://localhost:${laxPort}`, request),
    ]);
    expect(enforced.verdict).toBe("enforced");
    expect(bypassed.verdict).toBe("bypassed");
    expect(withOutcome(bypassed, "accepted")).toEqual(["no-cert@1.3", "self-signed@1.3", "wrong-ca@1.3"]);
    expect(withOutcome(bypassed, "refused")).toEqual(["plaintext"]);
  });

  test("a valid client that is greeted first and gets an error afterwards proves nothing", async () => {
    let greeted = 0;
    const port = await tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
      if (!socket.authorized) {
        socket.destroy();
        return;
      }
      greeted += 1;
      socket.end(greeted === 1 ? "WELCOME to the fleet\r\n" : "ERR backend down\r\n");
    });
    const endpoint = await probed(world, `tls://localhost:${port}`, { attacks: ESSENTIAL });
    expect(greeted).toBe(2);
    expect(endpoint.verdict).toBe("inconclusive");
    expect(withOutcome(endpoint, "refused")).toEqual([]);
    expect(endpoint.control[0]).toMatchObject({ tls: "1.3", outcome: "inconclusive" });
  });

  test("a service that tells others something else, and hangs up on them alone, is strict", async () => {
    const saying = (hangUp: boolean) =>
      tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
        if (socket.authorized) return socket.write("OK welcome\r\n");
        socket.write("ERR no certificate: hang up\r\n");
        return hangUp ? socket.end() : onData(socket);
      });
    const request = { attacks: ESSENTIAL, timeout: 3000 };
    const enforced = await probed(world, `tls://localhost:${await saying(true)}`, request);
    expect(enforced.verdict).toBe("enforced");
    const unclear = await probed(world, `tls://localhost:${await saying(false)}`, request);
    expect(unclear.verdict).toBe("inconclusive");
    expect(unclear.reasons[0]).toMatch(/another one than the control's, and no close: .*--canary/);
  });

  /** @param after how many milliseconds it hangs up on whom, once it has said something */
  const hangingUp = async (
    after: (socket: TLSSocket) => number | undefined,
    says: (socket: TLSSocket) => string,
  ) => {
    const port = await tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
      socket.write(says(socket));
      const ms = after(socket);
      if (ms === undefined) return onData(socket);
      // by the probe's own clock, which a busy machine does not hurry
      return void outside.clock.sleep(ms, outside.signal).then(
        () => socket.end(),
        () => {},
      );
    });
    return probed(world, `tls://localhost:${port}`, { attacks: selected("no-cert", "self-signed") });
  };
  const tells = ({ authorized }: TLSSocket) => (authorized ? "220 ready here\r\n" : "554 go away please\r\n");

  test("a service that tells others something else, and hangs up on them alone later, is strict", async () => {
    const strictly = await hangingUp(({ authorized }) => (authorized ? undefined : 250), tells);
    expect([strictly.verdict, strictly.reasons]).toEqual(["enforced", []]);
    expect(strictly.attacks[0]?.evidence).toBe("an answer, not the control's, and a close");
  });

  test("so is one that hangs up on valid clients, too, but much later", async () => {
    const strictly = await hangingUp(({ authorized }) => (authorized ? 2500 : 250), tells);
    expect([strictly.verdict, strictly.reasons]).toEqual(["enforced", []]);
  });

  test.each([
    ["something else", tells],
    ["something new each time", () => `${number()}${number()}\r\n`],
  ])(
    "a service that tells others %s, and hangs up on everybody later, proves nothing",
    async (_what, says) => {
      const everybody = await hangingUp(() => 250, says);
      expect([everybody.verdict, withOutcome(everybody, "refused")]).toEqual(["inconclusive", []]);
    },
  );

  test("a service that hangs up on everybody proves nothing", async () => {
    const port = await tlsServer(strict(), (socket) => socket.end());
    const endpoint = await probed(world, `tls://localhost:${port}`, { attacks: ESSENTIAL });
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("a port that serves everybody without TLS too is bypassed by plaintext", async () => {
    const inner = await tlsServer(strict(), (socket) => socket.write("220 fleet gateway\r\n"));
    const port = await tcpServer((socket) => {
      const greeting = new AbortController();
      outside.clock.sleep(100, greeting.signal).then(
        () => socket.write("220 fleet gateway\r\n"),
        () => {},
      );
      socket.once("data", (first) => {
        greeting.abort();
        const through = connect(inner, "127.0.0.1");
        through.on("error", () => {});
        through.write(first);
        socket.pipe(through).pipe(socket);
      });
    });
    const request = { attacks: selected("no-cert", "self-signed", "wrong-ca", "plaintext") };
    const endpoint = await probed(world, `tls://localhost:${port}`, request);
    expect(withOutcome(endpoint, "accepted")).toEqual(["plaintext"]);
  });
});

// alone: its service counts the time, too
test("a service that hangs up after a while proves nothing, though it also did when a line came", async () => {
  const port = await tlsServer(lax({ minVersion: "TLSv1.3" }), (socket) => {
    outside.clock.sleep(2000, outside.signal).then(
      () => socket.destroy(),
      () => {},
    );
  });
  // long enough to see it
  const request = { attacks: ESSENTIAL };
  const endpoint = await probed(world, `tls://localhost:${port}`, request);
  expect(withOutcome(endpoint, "refused")).toEqual([]);
  expect(endpoint.verdict).not.toBe("enforced");
});
