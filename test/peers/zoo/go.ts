import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { buildBeforeCve202568121 } from "../go-mutants.ts";
import { beside, lax, type Member, run, type SecondCa, strict, withSecondCa } from "./zoo.ts";

type Build = (program: string, directory: string) => string | Promise<string>;

const asItIs: Build = (program, directory) => {
  const server = join(directory, "authserver");
  const source = fileURLToPath(new URL("../go/authserver", import.meta.url));
  execFileSync(program, ["build", "-o", server, "main.go"], { cwd: source, stdio: "pipe" });
  return server;
};

/** @param mistake one that the server is to make; none where empty */
const mistaken = (policy: string, mistake: string): Member["start"] => go(policy, undefined, asItIs, mistake);

/** The same, where clients' issuing CA is trusted as the root is. */
const mistakenWithIssuer =
  (policy: string, mistake: string): Member["start"] =>
  (program, enclosure) => {
    const { put, world } = enclosure;
    const ca = put("cas.pem", world.root.pem + world.ca.pem);
    return mistaken(policy, mistake)(program, { ...enclosure, ca });
  };

/** @param other CAs of a second listener, whose tickets' keys are the same */
function go(policy: string, other?: SecondCa, build = asItIs, mistake = ""): Member["start"] {
  return async (program, enclosure) => {
    const { directory, cert, key, ca } = enclosure;
    const server = await build(program, directory);
    return run(enclosure, server, (port, second) => {
      const keys = ["-cert", cert, "-key", key, "-ca", ca];
      const two = other === undefined ? [] : ["-beside", `127.0.0.1:${second}`, "-beside-ca", other.both];
      return ["-listen", `127.0.0.1:${port}`, "-auth", policy, "-mistake", mistake, ...keys, ...two];
    });
  };
}

const VERIFY = "RequireAndVerifyClientCert";

/** A listener that demands certificates of one CA, and one that trusts a second CA too. */
const besideWider = (build: Build): Member["start"] =>
  beside(
    "port",
    withSecondCa((program, enclosure, second) => go(VERIFY, second, build)(program, enclosure)),
  );

export const gos: readonly Member[] = [
  ...strict("Go net/http", "https", {
    "`RequireAndVerifyClientCert`": go(VERIFY),
    "`RequireAnyClientCert`, and a handler that verifies the chain": mistaken(
      "RequireAnyClientCert",
      "checked-later",
    ),
    "`RequireAndVerifyClientCert`, beside a listener that trusts another CA too, tickets' keys in common":
      besideWider(asItIs),
  }),
  ...strict("Go net/http", "grpcs", {
    "`VerifyClientCertIfGiven`, and a handler that denies by a gRPC status": mistaken(
      "VerifyClientCertIfGiven",
      "grpc",
    ),
  }),
  ...lax("Go net/http", "https", {
    "`RequestClientCert`": [["no-cert", "self-signed"], go("RequestClientCert")],
    "`RequireAnyClientCert`": [["self-signed", "wrong-ca", "twin-ca", "expired"], go("RequireAnyClientCert")],
    "`RequireAnyClientCert`, and a handler that verifies the chain but in HTTP/1.0": [
      ["path-tricks"],
      mistaken("RequireAnyClientCert", "http10"),
      "alone",
    ],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that looks at the name alone": [
      ["self-signed", "wrong-ca", "twin-ca", "expired"],
      mistaken("RequireAnyClientCert", "name-alone"),
    ],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that verifies the last certificate alone": [
      ["leaf-as-ca"],
      mistaken("RequireAnyClientCert", "last-alone"),
    ],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that verifies the last certificate where that is no CA's":
      [["self-signed"], mistakenWithIssuer("RequireAnyClientCert", "reversed"), "alone"],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that looks for the CA anywhere in the chain": [
      ["self-signed", "wrong-ca", "twin-ca"],
      mistaken("RequireAnyClientCert", "ca-anywhere"),
    ],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that verifies the chain as it was sent, and looks for the CA anywhere in it":
      [["wrong-ca"], mistaken("RequireAnyClientCert", "pinned")],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that takes a CA that signed itself for its own": [
      ["self-signed"],
      mistaken("RequireAnyClientCert", "own-ca"),
      "alone",
    ],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that verifies only what says that it is a client's":
      [["wrong-ca", "server-auth-only"], mistaken("RequireAnyClientCert", "purpose-first"), "alone"],
    "`RequireAnyClientCert`, and a `VerifyPeerCertificate` that goes five certificates deep, and finds no fault beyond":
      [["wrong-ca", "twin-ca"], mistaken("RequireAnyClientCert", "not-deeper"), "alone"],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for other server names": [
      ["no-sni", "unknown-sni"],
      mistaken(VERIFY, "other-names"),
    ],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients without ALPN": [
      ["other-alpn"],
      mistaken(VERIFY, "no-alpn"),
    ],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients that offer both versions of HTTP":
      [["other-alpn"], mistaken(VERIFY, "both-names")],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients that offer HTTP/2 after HTTP/1.1":
      [["other-alpn"], mistaken(VERIFY, "http11-first"), "alone"],
    "`RequireAndVerifyClientCert`, left out by `GetConfigForClient` for clients that offer `acme-tls/1`": [
      ["other-alpn"],
      mistaken(VERIFY, "acme"),
      "alone",
    ],
    "`RequireAndVerifyClientCert` without `NextProtos`, forgotten by `GetConfigForClient` for clients that offer HTTP/2":
      [["other-alpn"], mistaken(VERIFY, "h2-unchosen")],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients that offer TLS 1.2 and 1.3":
      [["other-hello"], mistaken(VERIFY, "both-versions")],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients that offer P-256 alone": [
      ["other-hello"],
      mistaken(VERIFY, "p256-alone"),
      "alone",
    ],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients without a word of tickets": [
      ["other-hello"],
      mistaken(VERIFY, "no-tickets"),
    ],
    "`RequireAndVerifyClientCert`, forgotten by `GetConfigForClient` for clients that offer ChaCha20 first": [
      ["other-hello"],
      mistaken(VERIFY, "chacha-first"),
      "alone",
    ],
    "`VerifyClientCertIfGiven`": [["no-cert"], go("VerifyClientCertIfGiven")],
    "`RequireAndVerifyClientCert` before CVE-2025-68121 was mended, beside a listener that trusts another CA too, tickets' keys in common":
      [["resume-cross-host"], besideWider(buildBeforeCve202568121)],
  }),
  ...lax("Go net/http", "grpcs", {
    "`VerifyClientCertIfGiven`, and a handler that denies by a gRPC status, over HTTP/2 alone": [
      ["other-alpn"],
      mistaken("VerifyClientCertIfGiven", "grpc-http2"),
      "alone",
    ],
  }),
];
