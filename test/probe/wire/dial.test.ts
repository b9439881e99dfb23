import { createPrivateKey, randomBytes } from "node:crypto";
import { beforeAll, describe, expect, test } from "vitest";
import { type AnyKeyType, generateKey } from "../../../src/pki/keys.ts";
import { type Identity, readIdentity } from "../../../src/probe/identities/identity.ts";
import { alertNames, refusesFlight } from "../../../src/probe/wire/alerts.ts";
import { wireAttacks } from "../../../src/probe/wire/attacks.ts";
import { undecided } from "../../../src/probe/flight.ts";
import type { WireClient } from "../../../src/probe/wire/client.ts";
import { wireIdentity, wireSettings } from "../../../src/probe/wire/dial.ts";
import type { WireIdentity } from "../../../src/probe/wire/settings.ts";
import { kindOf } from "../../../src/probe/wire/signatures.ts";
import { type TestCa, testCa, type TestLeaf, testLeaf } from "../support/certificates.ts";
import { tlsServer } from "../support/servers.ts";
import { drive, versions } from "./drive.ts";
import { fake13 } from "./fake-server.ts";

const outside = { random: (length: number) => randomBytes(length), now: () => performance.now() };
const dial = { version: "1.3", serverName: "localhost", alpn: [] } as const;

const strangersKey = async (type: AnyKeyType) => (await generateKey(type)).privateKey;

let ca: TestCa;
let server: TestLeaf;
let identity: Identity;
let valid: WireIdentity;

beforeAll(async () => {
  ca = await testCa("dial CA");
  server = await testLeaf(ca, { commonName: "server", purpose: "server" });
  const { pem, keyPem } = await testLeaf(ca, { commonName: "client", purpose: "client" });
  identity = readIdentity(Buffer.from(pem), keyPem, { certificate: "client.pem", key: "client.key" });
  valid = await wireIdentity(identity, strangersKey);
});

const facts = ({ flightSent: sent, answeredLater, earlyDataTaken }: WireClient) => ({
  sent,
  answeredLater,
  earlyDataTaken,
});

const attackNamed = (id: string) => {
  const attack = wireAttacks.find((each) => each.id === id);
  const [attempt] = attack?.attempts ?? [];
  if (attack === undefined || attempt === undefined) throw new Error(id);
  return { attack, attempt };
};

test("impostors are of the identity's kind and of another, and neither is its key", () => {
  expect(valid.impostors.map(kindOf)).toEqual(["p256", "rsa"]);
  expect(valid.impostors.some((key) => key.equals(valid.key))).toBe(false);
  expect(valid.chain.length).toBe(1);
});

test("an RSA identity gets an RSA impostor with a key of the same size", async () => {
  const { pem, keyPem } = await testLeaf(ca, { commonName: "client", purpose: "client", keyType: "rsa2048" });
  const rsa = readIdentity(Buffer.from(pem), keyPem, { certificate: "client.pem", key: "client.key" });
  const { impostors } = await wireIdentity(rsa, strangersKey);
  expect(impostors.map(kindOf)).toEqual(["rsa", "p256"]);
  expect(impostors[0]?.asymmetricKeyDetails?.modulusLength).toBe(2048);
});

test("what an attempt presents is the valid client's, or nothing", () => {
  const stolen = wireSettings(dial, attackNamed("stolen-certificate").attempt, valid, outside);
  expect([stolen.identity, stolen.serverName, stolen.version]).toEqual([valid, "localhost", "1.3"]);
  const fragmented = wireSettings(dial, attackNamed("fragmented-hello").attempt, valid, outside);
  expect([fragmented.identity, fragmented.helloFragment]).toEqual([undefined, 16]);
});

describe("what the server did says nothing", () => {
  const tried = (id: string) => {
    const { attack, attempt } = attackNamed(id);
    const key = { chain: [server.der], key: createPrivateKey(server.keyPem) };
    const { client } = fake13(wireSettings(dial, attempt, valid, outside), key);
    return undecided(attack.flight, facts(client));
  };

  test("where the deciding flight was not sent", () => {
    expect(tried("stolen-certificate")).toBeUndefined();
    expect(tried("post-handshake")).toBe("no certificate was asked for a second time");
    expect(tried("early-data")).toBe("0-RTT data was not taken");
  });

  test("but it does where it refused the flight, in either version", async () => {
    for (const version of versions) {
      const port = await tlsServer(
        { cert: server.pem, key: server.keyPem, ca: ca.pem, requestCert: true, maxVersion: `TLSv${version}` },
        () => {},
      );
      const { attack, attempt } = attackNamed("bad-finished");
      const { client } = await drive(port, wireSettings({ ...dial, version }, attempt, valid, outside));
      expect([client.over, undecided(attack.flight, facts(client))]).toEqual([true, undefined]);
    }
  });

  test("where the handshake broke before", async () => {
    const port = await tlsServer({ cert: server.pem, key: server.keyPem, maxVersion: "TLSv1.2" }, () => {});
    const { attack, attempt } = attackNamed("skip-certificate");
    const { client } = await drive(port, wireSettings(dial, attempt, valid, outside));
    expect(undecided(attack.flight, facts(client))).toBe("the handshake did not come to the client's flight");
  });
});

test("the alerts that refuse a flight", () => {
  const refusing = Object.keys(alertNames).map(Number).filter(refusesFlight);
  expect(refusing).toEqual([10, 20, 40, 41, 42, 43, 44, 45, 46, 47, 48, 49, 50, 51, 111, 113, 114, 116]);
});
