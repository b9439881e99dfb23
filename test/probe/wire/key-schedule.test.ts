import { createHash, X509Certificate } from "node:crypto";
import { describe, expect, test } from "vitest";
import { cipherSuites } from "../../../src/probe/wire/cipher-suites.ts";
import { ExtensionType, parseKeyShare } from "../../../src/probe/wire/extensions.ts";
import { groupOf, keyShare } from "../../../src/probe/wire/groups.ts";
import {
  type HandshakeMessage,
  HandshakeType,
  messageSplitter,
  parseCertificates,
  parseCertificateVerify,
  parseServerHello,
  signedContent,
} from "../../../src/probe/wire/handshake.ts";
import { prf, trafficKeys } from "../../../src/probe/wire/key-schedule.ts";
import {
  type Content,
  type Opener,
  opener13,
  openPlain,
  sealer13,
} from "../../../src/probe/wire/protection.ts";
import { ContentType, recordSplitter, type TlsRecord } from "../../../src/probe/wire/records.ts";
import { masterSecret12 } from "../../../src/probe/wire/secrets12.ts";
import {
  deriveSecret,
  earlySecret,
  finishedMac,
  handshakeSecret,
  masterSecret13,
  pskBinder,
  ticketPsk,
} from "../../../src/probe/wire/secrets13.ts";
import { parseNewSessionTicket } from "../../../src/probe/wire/session-ticket.ts";
import { verify } from "../../../src/probe/wire/signatures.ts";
import { transcript } from "../../../src/probe/wire/transcript.ts";
import { bytes, hex, type Rfc8448Trace, traces } from "./rfc8448.ts";

const HASH = "sha256";

/** Reads a trace of RFC 8448 from outside, with nothing but the client's private keys and the PSK. */
function decode(trace: Rfc8448Trace, psk?: Uint8Array) {
  const messages = transcript();
  const secrets: Record<string, Uint8Array> = { early: earlySecret(HASH, psk) };
  const openers: Record<"client" | "server", Opener> = { client: openPlain, server: openPlain };
  const contents: { from: "client" | "server"; content: Content; record: TlsRecord }[] = [];
  const seen: { from: "client" | "server"; message: HandshakeMessage; before: Uint8Array }[] = [];
  const suite = cipherSuites.get(0x1301);
  if (suite === undefined) throw new Error("no suite");
  const use = (from: "client" | "server", name: string) => {
    const secret = deriveSecret(HASH, secrets["from"] ?? bytes(""), name, messages.hash(HASH));
    secrets[name] = secret;
    openers[from] = opener13(suite, trafficKeys(suite, secret));
  };

  const onServerHello = (body: Uint8Array) => {
    const hello = parseServerHello(body);
    if (hello.retry) {
      messages.replaceByHash(HASH);
      messages.add({ type: HandshakeType.serverHello, body });
      return;
    }
    messages.add({ type: HandshakeType.serverHello, body });
    const { group, publicKey } = parseKeyShare(hello.extensions.get(ExtensionType.keyShare) ?? bytes(""));
    const name = groupOf(group);
    if (name !== "x25519" && name !== "secp256r1") throw new Error("no group");
    secrets["shared"] = keyShare(name, () => bytes(trace.privateKeys[name] ?? "")).agree(publicKey);
    secrets["handshake"] = handshakeSecret(HASH, secrets["early"] ?? bytes(""), secrets["shared"]);
    secrets["from"] = secrets["handshake"];
    const early = openers.client;
    use("client", "c hs traffic");
    // 0-RTT goes on under its own keys until EndOfEarlyData
    if (early !== openPlain) openers.client = early;
    use("server", "s hs traffic");
  };

  const onMessage = (from: "client" | "server", message: HandshakeMessage) => {
    seen.push({ from, message, before: messages.hash(HASH) });
    if (message.type === HandshakeType.serverHello) return onServerHello(message.body);
    messages.add(message);
    if (message.type === HandshakeType.clientHello && psk !== undefined) {
      secrets["from"] = secrets["early"] ?? bytes("");
      use("client", "c e traffic");
    }
    if (message.type === HandshakeType.endOfEarlyData) {
      openers.client = opener13(suite, trafficKeys(suite, secrets["c hs traffic"] ?? bytes("")));
    }
    if (message.type !== HandshakeType.finished) return;
    if (from === "server") {
      secrets["master"] = masterSecret13(HASH, secrets["handshake"] ?? bytes(""));
      secrets["from"] = secrets["master"];
      const current = openers.client;
      use("server", "s ap traffic");
      use("client", "c ap traffic");
      openers.client = current;
    } else {
      openers.client = opener13(suite, trafficKeys(suite, secrets["c ap traffic"] ?? bytes("")));
      secrets["res master"] = deriveSecret(
        HASH,
        secrets["master"] ?? bytes(""),
        "res master",
        messages.hash(HASH),
      );
    }
  };

  const splitters = { client: messageSplitter(), server: messageSplitter() };
  for (const [from, stream] of trace.records) {
    for (const record of recordSplitter().push(bytes(stream))) {
      const content =
        record.type === ContentType.changeCipherSpec ? openPlain(record) : openers[from](record);
      contents.push({ from, content, record });
      if (content.type !== ContentType.handshake) continue;
      for (const message of splitters[from].push(content.bytes)) onMessage(from, message);
    }
  }
  return { secrets, contents, seen };
}

const pskOf = (section: string) => (section === "4" ? bytes(traces["3"].psk ?? "") : undefined);

describe.each(Object.entries(traces))("RFC 8448, section %s", (section, trace) => {
  const { secrets, contents, seen } = decode(trace, pskOf(section));
  const finished = (from: "client" | "server") =>
    seen.find(({ from: side, message }) => side === from && message.type === HandshakeType.finished);

  test("every record opens, down to both close_notify alerts", () => {
    const alerts = contents.filter(({ content }) => content.type === ContentType.alert);
    expect(alerts.map(({ from, content }) => [from, hex(content.bytes)])).toEqual([
      ["client", "0100"],
      ["server", "0100"],
    ]);
  });

  test("the secrets are those that are printed there", () => {
    const printed = Object.entries(trace.secrets).filter(([name]) => !name.startsWith("binder"));
    const computed = printed.map(([name]) => [name, hex(secrets[name] ?? bytes(""))]);
    expect(computed).toEqual(printed);
  });

  test("both Finished messages are right", () => {
    for (const [from, base] of [
      ["server", "s hs traffic"],
      ["client", "c hs traffic"],
    ] as const) {
      const { message, before } = finished(from) ?? {};
      const mac = finishedMac(HASH, secrets[base] ?? bytes(""), before ?? bytes(""));
      expect(hex(message?.body ?? bytes(""))).toBe(hex(mac));
    }
  });

  test("each CertificateVerify is a signature by the certificate before it", () => {
    let proven = 0;
    for (const { from, message, before } of seen) {
      if (message.type !== HandshakeType.certificateVerify) continue;
      const certificate = seen.find(
        (other) => other.from === from && other.message.type === HandshakeType.certificate,
      );
      const [leaf] = parseCertificates(certificate?.message.body ?? bytes(""), "1.3");
      const { scheme, signature } = parseCertificateVerify(message.body);
      const key = new X509Certificate(leaf ?? bytes("")).publicKey;
      expect(verify(scheme, key, signedContent(from, before), signature)).toBe(true);
      const other = from === "client" ? "server" : "client";
      expect(verify(scheme, key, signedContent(other, before), signature)).toBe(false);
      proven += 1;
    }
    expect(proven).toBe({ "3": 1, "4": 0, "5": 1, "6": 2, "7": 1 }[section]);
  });

  test("application data is what is printed there", () => {
    const data = contents
      .filter(({ content }) => content.type === ContentType.applicationData)
      .map(({ content }) => hex(content.bytes));
    const { earlyData = [], applicationData } = trace;
    expect(data).toEqual(applicationData ? [earlyData, applicationData, applicationData].flat() : []);
  });

  test("what seals is the inverse of what opens", () => {
    const secret = secrets["c ap traffic"] ?? bytes("");
    const suite = cipherSuites.get(0x1301);
    if (suite === undefined) throw new Error("no suite");
    const seal = sealer13(suite, trafficKeys(suite, secret));
    const sent = contents.filter(({ from }) => from === "client");
    const end = sent.findLastIndex(({ content }) => content.type === ContentType.handshake);
    const after = sent.slice(end + 1);
    expect(after.length).toBeGreaterThan(0);
    for (const { content, record } of after) {
      expect(hex(seal(content))).toBe(hex(Buffer.concat([record.header, record.fragment])));
    }
  });
});

describe("RFC 8448, resumption", () => {
  test("the PSK of section 4 comes from the ticket of section 3", () => {
    const { secrets, seen } = decode(traces["3"]);
    const message = seen.find((entry) => entry.message.type === HandshakeType.newSessionTicket)?.message;
    const ticket = parseNewSessionTicket(message?.body ?? bytes(""));
    expect(hex(ticketPsk(HASH, secrets["res master"] ?? bytes(""), ticket.nonce))).toBe(traces["3"].psk);
    expect([ticket.lifetime, ticket.maxEarlyData]).toEqual([30, 1024]);
  });

  test("the binder of section 4", () => {
    const [, record = ""] = traces["4"].records[0] ?? [];
    const hello = bytes(record).subarray(5);
    const truncated = createHash(HASH)
      .update(hello.subarray(0, -(2 + 1 + 32)))
      .digest();
    const { secrets } = traces["4"];
    expect(hex(truncated)).toBe(secrets["binder hash"]);
    expect(hex(pskBinder(HASH, bytes(traces["3"].psk ?? ""), truncated))).toBe(secrets["binder"]);
    expect(hex(hello.subarray(-32))).toBe(secrets["binder"]);
  });
});

describe("TLS 1.2", () => {
  // the TLS working group's list, "TLS 1.2 PRF test vectors", 2009 (P_SHA256)
  test("PRF with SHA-256", () => {
    const output = prf(
      "sha256",
      bytes("9bbe436ba940f017b17652849a71db35"),
      "test label",
      bytes("a0ba9f936cda311827a6f796ffd5198c"),
      100,
    );
    expect(hex(output)).toBe(
      "e3f229ba727be17b8d122620557cd453c2aab21d07c3d495329b52d4e61edb5a6b301791e90d35c9c9a46b4e14baf9af" +
        "0fa022f7077def17abfd3797c0564bab4fbc91666e9def9b97fce34f796789baa48082d122ee42c5a72e5a5110fff7018734" +
        "7b66",
    );
  });

  test("a master secret has 48 bytes that depend on both randoms", () => {
    const [one, two] = [new Uint8Array(32), new Uint8Array(32).fill(1)];
    const master = (client: Uint8Array, server: Uint8Array) =>
      hex(masterSecret12("sha384", bytes("01"), client, server));
    expect(master(one, two).length).toBe(96);
    expect(new Set([master(one, one), master(one, two), master(two, one)]).size).toBe(3);
  });
});
