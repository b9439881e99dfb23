import { createPrivateKey } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { wireAttacks } from "../../../src/probe/wire/attacks.ts";
import type { WireAttempt } from "../../../src/probe/wire/attempt.ts";
import type { WireIdentity } from "../../../src/probe/wire/settings.ts";
import { type TestCa, testCa, type TestLeaf, testLeaf } from "../support/certificates.ts";
import { tlsServer } from "../support/servers.ts";
import { client, drive, versions, wireIdentity } from "./drive.ts";
import { fake13, type ServerKey } from "./fake-server.ts";
import { fake12 } from "./fake-server12.ts";

let ca: TestCa;
let leaf: TestLeaf;
let server: ServerKey;
let identity: WireIdentity;

beforeAll(async () => {
  ca = await testCa("attacks' CA");
  leaf = await testLeaf(ca, { commonName: "server", purpose: "server" });
  server = { chain: [leaf.der], key: createPrivateKey(leaf.keyPem) };
  identity = wireIdentity(await testLeaf(ca, { commonName: "client", purpose: "client" }));
});

const settingsFor = (version: "1.2" | "1.3", { script, presents, helloFragment = 16_384 }: WireAttempt) =>
  client(version, { script, helloFragment, identity: presents === "valid" ? identity : undefined });

/** The messages behind the ClientHello, by their numbers, as a server reads them. */
const flights: Readonly<Record<string, readonly (readonly (number | string)[])[]>> = {
  "skip-certificate": [[20]],
  "skip-certificate-verify": [[11, 20]],
  "certificate-verify-only": [[15, 20]],
  "empty-certificate-with-verify": [[11, 15, 20]],
  "stolen-certificate": [[11, 15, 20]],
  "bad-verify": [
    [11, 15, 20],
    [11, 15, 20],
    [11, 15, 20],
    [11, 15, 20],
  ],
  "verify-algorithm-mismatch": [[11, 15, 20]],
  "verify-replayed": [[11, 15, 20]],
  "verify-wrong-context": [[11, 15, 20]],
  "two-certificates": [[11, 11, 15, 20]],
  "empty-then-real": [[11, 11, 15, 20]],
  "bad-finished": [[11, 15, 20]],
  "data-before-finished": [[], [11, 15], [11, 15]],
  "listen-only": [[]],
  // the conforming flight: of a client without a ticket, and of those whose attack comes later
  "early-data": [
    [11, 20],
    [11, 20],
  ],
  renegotiation: [[11, 15, 20]],
  "post-handshake": [[11, 15, 20]],
  "fragmented-hello": [[11, 20]],
};

/** The same in TLS 1.2: the key exchange is behind the certificates, new keys before Finished. */
function flight12(messages: readonly (number | string)[], newKeys: boolean) {
  const certificates = messages.filter((each) => each === 11);
  const rest = messages.filter((each) => each !== 11 && each !== 20);
  const keys = newKeys || messages.includes(20) ? ["ccs"] : [];
  return [...certificates, 16, ...rest, ...keys, ...messages.filter((each) => each === 20)];
}

describe.each(wireAttacks.map((attack) => [attack.id, attack] as const))("%s", (id, attack) => {
  test("sends what it says", () => {
    const read13 = attack.attempts.map((attempt) => fake13(settingsFor("1.3", attempt), server).sent);
    expect(read13).toEqual(flights[id]);
    if (!attack.versions.includes("1.2")) return;
    for (const [i, attempt] of attack.attempts.entries()) {
      const { script } = attempt;
      const { sent } = fake12(settingsFor("1.2", attempt), server);
      const newKeys = script.flight?.some(({ send }) => send === "new-keys") ?? false;
      const expected = script.flight?.length === 0 ? [] : flight12(flights[id]?.[i] ?? [], newKeys);
      // the server of the test tells a Finished that is wrong
      const told = id === "bad-finished" ? ["wrong"] : [];
      const again = script.renegotiates === true ? ["hello", 11, 16, "ccs", 20] : [];
      expect(sent).toEqual([...expected, ...told, ...again]);
    }
  });
});

describe.each(versions)("a strict server refuses them all: node, TLS %s", (version) => {
  const concerned = wireAttacks.filter(
    (attack) => attack.versions.includes(version) && attack.flight.decides === "flight",
  );

  test.each(concerned.map((attack) => [attack.id, attack] as const))("%s", async (_, { attempts }) => {
    const port = await tlsServer(
      { cert: leaf.pem, key: leaf.keyPem, ca: ca.pem, requestCert: true, maxVersion: `TLSv${version}` },
      (socket) => socket.on("data", (data) => socket.write(data)),
    );
    const control = await drive(port, client(version, { identity }));
    expect(control.received).toBe("ping");
    for (const attempt of attempts) {
      const { received } = await drive(port, settingsFor(version, attempt), {
        ms: attempt.script.silent ? 200 : 30_000,
      });
      expect(received).toBe("");
    }
  });
});

test("a flight goes out in one write: several make a reset out of the server's alert", () => {
  for (const { attempts } of wireAttacks) {
    for (const attempt of attempts) {
      const fake = fake13(settingsFor("1.3", attempt), server);
      expect(fake.writes()).toBe(attempt.script.flight?.length === 0 ? 1 : 2);
    }
  }
});

test("each has a name, a reference and a fix of its own", () => {
  expect(new Set(wireAttacks.map(({ id }) => id)).size).toBe(wireAttacks.length);
  for (const { id, reference, fix, versions: on } of wireAttacks) {
    expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
    expect(reference).toMatch(/^(RFC \d{4}|CVE-)/);
    expect(Object.values(fix).every((text) => text.length > 0)).toBe(true);
    expect(on.length).toBeGreaterThan(0);
  }
});

test("scripts that cannot be carried out fail loudly", () => {
  const { attempts } = wireAttacks.find(({ id }) => id === "stolen-certificate") ?? { attempts: [] };
  const [attempt] = attempts;
  if (attempt === undefined) throw new Error("no attempt");
  const without = (changed: Partial<WireIdentity>) =>
    client("1.3", { script: attempt.script, identity: { ...identity, ...changed } });
  expect(() => fake13(without({ impostors: [] }), server)).toThrow("no impostor's key");
  expect(() => fake13(client("1.3", { script: attempt.script }), server)).toThrow("needs an identity");
});
