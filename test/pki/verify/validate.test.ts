import { describe, expect, test } from "vitest";
import { constructed, element, integer, oid, primitive, sequence } from "../../../src/pki/der/write.ts";
import {
  authorityKeyIdentifier,
  basicConstraints,
  extendedKeyUsage,
  extension,
  keyIdentifier,
  keyUsage,
  nameConstraints,
  subjectAltName,
  subjectKeyIdentifier,
} from "../../../src/pki/extensions.ts";
import { encodeName } from "../../../src/pki/name.ts";
import { oids } from "../../../src/pki/oids.ts";
import { signatureAlgorithm } from "../../../src/pki/signature-algorithm.ts";
import { parsePeerName } from "../../../src/pki/verify/peer-name.ts";
import type { VerifyRequest } from "../../../src/pki/verify/request.ts";
import { validatePath } from "../../../src/pki/verify/validate.ts";
import { verifyCertificate } from "../../../src/pki/verify/verify.ts";
import { startWork } from "../../../src/pki/verify/work.ts";
import { DAY, forge, HOUR, type Identity, newKey, NOW, type Spec, unknownExtension } from "./forge.ts";

interface Broken {
  readonly root?: Spec;
  readonly issuing?: Spec;
  readonly leaf?: Spec;
  readonly request?: Partial<VerifyRequest>;
}

/** `code@place` of every reason, or `ok`, for a path of root, issuing CA and leaf. */
async function judge({ root, issuing, leaf, request }: Broken): Promise<string[] | "ok"> {
  const top = await forge({ subject: "root", ca: true, ...root });
  const middle = await forge({ subject: "issuing", ca: true, ...issuing }, top);
  const end = await forge({ subject: "leaf", ...leaf }, middle);
  const verdict = verifyCertificate({
    certificate: end.certificate,
    intermediates: [middle.certificate],
    anchors: [top.certificate],
    at: NOW,
    ...request,
  });
  return verdict.ok ? "ok" : verdict.reasons.map(({ code, certificate }) => `${code}@${certificate}`);
}

const dns = (value: string) => subjectAltName([{ type: "dns", value }]);
const dnsNames = sequence(primitive(2, Buffer.from("ca.fleet.internal")));
const noName = encodeName([]);
/** An extension whose content is no DER of its type. */
const rubbish = (id: string) => extension(id, false, Uint8Array.of(0x30, 0x05, 0x00));

describe("a path that keeps every rule is valid", () => {
  test.each<[string, Broken]>([
    ["with P-256", {}],
    ["for a client", { request: { purpose: "client" } }],
    ["for a server", { request: { purpose: "server" } }],
    ["for the name it carries", { request: { peer: parsePeerName("leaf.fleet.internal") } }],
    ["at its first instant", { request: { at: NOW - DAY } }],
    ["at its last instant", { request: { at: NOW + DAY } }],
    ["until the last second ends", { request: { at: NOW + DAY + 999 } }],
    ["with an extension that is unknown but not critical", { leaf: { extra: [unknownExtension(false)] } }],
    [
      "with an issuerAltName that is not critical",
      { leaf: { extra: [extension(oids.issuerAltName, false, dnsNames)] } },
    ],
    [
      "with the path lengths that it needs",
      {
        root: { replace: { basicConstraints: basicConstraints({ ca: true, pathLength: 1 }) } },
        issuing: { replace: { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) } },
      },
    ],
    [
      "within name constraints",
      { issuing: { extra: [nameConstraints({ permitted: [{ type: "dns", value: "fleet.internal" }] })] } },
    ],
    [
      "with an issuing CA limited to its purpose",
      {
        issuing: { replace: { extKeyUsage: extendedKeyUsage([oids.clientAuth]) } },
        request: { purpose: "client" },
      },
    ],
    [
      "without any key usage",
      { leaf: { replace: { keyUsage: null, extKeyUsage: null } }, request: { purpose: "client" } },
    ],
    [
      "with an empty subject and a critical alternative name",
      {
        leaf: {
          subject: noName,
          replace: { subjectAltName: subjectAltName([{ type: "dns", value: "a.b" }], true) },
        },
      },
    ],
    [
      "with a serial number of 20 octets",
      { leaf: { serial: integer(Uint8Array.from({ length: 20 }, () => 0x7f)) } },
    ],
    ["with a root of number 0", { root: { serial: integer(0) } }],
  ])("%s", async (_, broken) => {
    expect(await judge(broken)).toBe("ok");
  });

  test.each(["p384", "p521", "ed25519", "rsa2048"] as const)("with %s", async (type) => {
    const [root, issuing, leaf] = [await newKey(type), await newKey(type), await newKey(type)];
    expect(await judge({ root: { key: root }, issuing: { key: issuing }, leaf: { key: leaf } })).toBe("ok");
  });
});

describe("a path is refused", () => {
  test.each<[string, Broken, string[]]>([
    [
      "before it begins",
      { request: { at: NOW - DAY - 1 } },
      ["not-yet-valid@2", "not-yet-valid@1", "not-yet-valid@0"],
    ],
    ["a second after it ends", { leaf: { notAfter: NOW - 1000 } }, ["expired@0"]],
    ["when only the root has expired", { root: { notAfter: NOW - HOUR } }, ["expired@2"]],
    ["when only the issuing CA has expired", { issuing: { notAfter: NOW - HOUR } }, ["expired@1"]],
    [
      "for a name that it does not carry",
      { request: { peer: parsePeerName("other.fleet.internal") } },
      ["name-mismatch@0"],
    ],
    [
      "for its common name",
      {
        leaf: { subject: "cn.fleet.internal", replace: { subjectAltName: null } },
        request: { peer: parsePeerName("cn.fleet.internal") },
      },
      ["name-mismatch@0"],
    ],
    [
      "with a CA that is none",
      { issuing: { replace: { basicConstraints: basicConstraints({ ca: false }) } } },
      ["not-a-ca@1", "inconsistent-extensions@1"],
    ],
    [
      "with a CA without basic constraints",
      { issuing: { replace: { basicConstraints: null } } },
      ["not-a-ca@1", "inconsistent-extensions@1"],
    ],
    ["with a CA without key usage", { issuing: { replace: { keyUsage: null } } }, ["missing-extension@1"]],
    [
      "with a CA whose basic constraints are not critical",
      { issuing: { replace: { basicConstraints: basicConstraints({ ca: true }, false) } } },
      ["wrong-criticality@1"],
    ],
    [
      "with a CA that may not sign certificates",
      { issuing: { replace: { keyUsage: keyUsage(["digitalSignature"]) } } },
      ["key-usage@1"],
    ],
    [
      "with a path length that its key usage gives no right to",
      {
        issuing: {
          replace: {
            basicConstraints: basicConstraints({ ca: true, pathLength: 0 }),
            keyUsage: keyUsage(["cRLSign"]),
          },
        },
      },
      ["key-usage@1", "inconsistent-extensions@1"],
    ],
    ["with a CA of version 1", { issuing: { version: null } }, ["version@1", "not-a-ca@1"]],
    [
      "with an issuing CA below a root of path length 0",
      { root: { replace: { basicConstraints: basicConstraints({ ca: true, pathLength: 0 }) } } },
      ["path-length@1"],
    ],
    ["with more intermediates than are allowed", { request: { maxIntermediates: 0 } }, ["path-length@1"]],
    [
      "for another purpose than its own",
      {
        leaf: { replace: { extKeyUsage: extendedKeyUsage([oids.serverAuth]) } },
        request: { purpose: "client" },
      },
      ["extended-key-usage@0"],
    ],
    [
      "for a purpose when it is for any",
      {
        leaf: { replace: { extKeyUsage: extendedKeyUsage([oids.anyExtendedKeyUsage]) } },
        request: { purpose: "client" },
      },
      ["extended-key-usage@0"],
    ],
    [
      "for a purpose that its CA may not issue for",
      {
        issuing: { replace: { extKeyUsage: extendedKeyUsage([oids.serverAuth]) } },
        request: { purpose: "client" },
      },
      ["extended-key-usage@1"],
    ],
    [
      "for a purpose that its CA issues for only as any",
      {
        issuing: { replace: { extKeyUsage: extendedKeyUsage([oids.anyExtendedKeyUsage]) } },
        request: { purpose: "client" },
      },
      ["extended-key-usage@1"],
    ],
    [
      "for a client whose key does not sign",
      { leaf: { replace: { keyUsage: keyUsage(["keyEncipherment"]) } }, request: { purpose: "client" } },
      ["key-usage@0"],
    ],
    [
      "with a critical extension that is unknown",
      { leaf: { extra: [unknownExtension(true)] } },
      ["unknown-critical-extension@0"],
    ],
    [
      "with one in the issuing CA",
      { issuing: { extra: [unknownExtension(true)] } },
      ["unknown-critical-extension@1"],
    ],
    ["with one in the root", { root: { extra: [unknownExtension(true)] } }, ["unknown-critical-extension@2"]],
    [
      "with a critical issuerAltName",
      { leaf: { extra: [extension(oids.issuerAltName, true, dnsNames)] } },
      ["unknown-critical-extension@0"],
    ],
    [
      "with policy constraints",
      {
        issuing: {
          extra: [extension(oids.policyConstraints, true, sequence(primitive(0, Uint8Array.of(0))))],
        },
      },
      ["unknown-critical-extension@1"],
    ],
    ["with an extension twice", { leaf: { extra: [dns("b.fleet.internal")] } }, ["duplicate-extension@0"]],
    [
      "with a malformed extension",
      { leaf: { extra: [rubbish(oids.authorityInfoAccess)] } },
      ["malformed-extension@0"],
    ],
    [
      "with a malformed alternative name",
      { leaf: { replace: { subjectAltName: dns("a..b") } } },
      ["malformed-extension@0"],
    ],
    [
      "with a key usage of nothing",
      { leaf: { replace: { keyUsage: keyUsage([]) } } },
      ["malformed-extension@0"],
    ],
    [
      "without an authority key identifier",
      { leaf: { replace: { authorityKeyId: null } } },
      ["missing-extension@0"],
    ],
    ...(["ipAddrBlocks", "autonomousSysIds", "proxyCertInfo"] as const).flatMap((name) =>
      [true, false].map((critical): [string, Broken, string[]] => [
        `with a ${name}, critical: ${critical}`,
        { leaf: { extra: [extension(oids[name], critical, sequence())] } },
        ["unknown-critical-extension@0"],
      ]),
    ),
    [
      "with a Netscape certificate type that is malformed",
      { leaf: { extra: [extension(oids.netscapeCertType, false, sequence())] } },
      ["malformed-extension@0"],
    ],
    [
      "with a CA without a subject key identifier",
      { issuing: { replace: { subjectKeyId: null } } },
      ["missing-extension@1"],
    ],
    [
      "with a critical subject key identifier",
      {
        leaf: {
          replace: {
            subjectKeyId: extension(oids.subjectKeyIdentifier, true, element(0x04, Uint8Array.of(1))),
          },
        },
      },
      ["wrong-criticality@0"],
    ],
    [
      "with name constraints that are not critical",
      {
        issuing: {
          extra: [nameConstraints({ permitted: [{ type: "dns", value: "fleet.internal" }] }, false)],
        },
      },
      ["wrong-criticality@1"],
    ],
    [
      "with name constraints in a leaf",
      { leaf: { extra: [nameConstraints({ permitted: [{ type: "dns", value: "fleet.internal" }] })] } },
      ["inconsistent-extensions@0"],
    ],
    [
      "with a leaf that may sign certificates",
      { leaf: { replace: { keyUsage: keyUsage(["digitalSignature", "keyCertSign"]) } } },
      ["inconsistent-extensions@0"],
    ],
    [
      "with a name beyond what is permitted",
      { root: { extra: [nameConstraints({ permitted: [{ type: "dns", value: "other.internal" }] })] } },
      ["name-constraints@0"],
    ],
    [
      "with a name that is excluded",
      { root: { extra: [nameConstraints({ excluded: [{ type: "dns", value: "fleet.internal" }] })] } },
      ["name-constraints@0"],
    ],
    [
      "with an empty subject and nothing else",
      { leaf: { subject: noName, replace: { subjectAltName: null } } },
      ["empty-name@0"],
    ],
    [
      "with an empty subject and an alternative name that is not critical",
      { leaf: { subject: noName } },
      ["wrong-criticality@0"],
    ],
    ["with a CA of an empty name", { issuing: { subject: noName } }, ["empty-name@1", "empty-name@0"]],
    [
      "with a negative serial number",
      { leaf: { serial: element(0x02, Uint8Array.of(0x80)) } },
      ["serial-number@0"],
    ],
    ["with the serial number 0", { issuing: { serial: integer(0) } }, ["serial-number@1"]],
    [
      "with a serial number of 21 octets",
      { leaf: { serial: integer(Uint8Array.from({ length: 21 }, () => 1)) } },
      ["serial-number@0"],
    ],
    ["with extensions in version 1", { leaf: { version: null } }, ["version@0"]],
    ["with extensions in version 2", { leaf: { version: 1 } }, ["version@0"]],
    ["with version 1 written out", { leaf: { version: 0 } }, ["version@0", "version@0"]],
    ["with version 4", { leaf: { version: 3 } }, ["version@0", "version@0"]],
    [
      "with a unique identifier",
      { leaf: { uniqueId: primitive(1, Uint8Array.of(0, 1)) } },
      ["unique-identifier@0"],
    ],
    [
      "with two different algorithms",
      { leaf: { innerAlgorithm: signatureAlgorithm("p384", "sha384") } },
      ["signature-algorithm-mismatch@0"],
    ],
    ["with a signature of SHA-1", { leaf: { hash: "sha1" } }, ["unsupported-signature-algorithm@0"]],
    [
      "with a signature of an issuing CA of SHA-1",
      { issuing: { hash: "sha1" } },
      ["unsupported-signature-algorithm@1"],
    ],
    [
      "with a tampered signature",
      { leaf: { sign: () => Buffer.from("3006020101020101", "hex") } },
      ["bad-signature@0"],
    ],
    [
      "with explicit default values",
      { leaf: { extra: [sequence(oid("1.2.3"), Uint8Array.of(1, 1, 0), element(0x04, Uint8Array.of(0)))] } },
      ["malformed-extension@0", "missing-extension@0"],
    ],
  ])("%s", async (_, broken, expected) => {
    expect(await judge(broken)).toEqual(expected);
  });

  test("with a root that signs with SHA-1 all is well: its own signature proves nothing", async () => {
    expect(await judge({ root: { hash: "sha1" } })).toBe("ok");
  });

  test.each(["root", "issuing", "leaf"] as const)("with RSA-1024 in the %s", async (who) => {
    const place = { root: 2, issuing: 1, leaf: 0 }[who];
    expect(await judge({ [who]: { key: await newKey("rsa1024") } })).toEqual([`weak-key@${place}`]);
  });

  test("by a CA of the right name and the wrong key", async () => {
    const [root, twin] = [
      await forge({ subject: "root", ca: true }),
      await forge({ subject: "root", ca: true }),
    ];
    const leaf = await forge({}, twin);
    const ask = (anchor: typeof root) =>
      verifyCertificate({
        certificate: leaf.certificate,
        intermediates: [],
        anchors: [anchor.certificate],
        at: NOW,
      });
    expect(ask(root)).toMatchObject({
      ok: false,
      reasons: [
        { code: "bad-signature", certificate: 0 },
        { code: "name-chaining", certificate: 0 },
      ],
    });
    expect(ask(twin)).toMatchObject({ ok: true });
  });

  test("when it names another issuer than the certificate above it", async () => {
    const root = await forge({ subject: "root", ca: true });
    const leaf = await forge({ issuerName: encodeName([{ type: "CN", value: "somebody else" }]) }, root);
    const request = {
      certificate: leaf.certificate,
      intermediates: [],
      anchors: [root.certificate],
      at: NOW,
    };
    const verdict = validatePath([leaf.certificate, root.certificate], request, startWork());
    expect(verdict).toMatchObject({ ok: false, reasons: [{ code: "name-chaining", certificate: 0 }] });
  });

  test("with every fault at once, each of them named", async () => {
    const expected = ["expired@1", "expired@0", "extended-key-usage@0", "name-mismatch@0"];
    const found = await judge({
      issuing: { notAfter: NOW - HOUR },
      leaf: { notAfter: NOW - HOUR, replace: { extKeyUsage: extendedKeyUsage([oids.serverAuth]) } },
      request: { purpose: "client", peer: parsePeerName("other.internal") },
    });
    expect(found).toEqual(expected);
  });
});

describe("the RSA server of TLS 1.2", () => {
  test("may decrypt instead of signing; a client may not", async () => {
    const leaf = { key: await newKey("rsa2048"), replace: { keyUsage: keyUsage(["keyEncipherment"]) } };
    expect(await judge({ leaf, request: { purpose: "server" } })).toBe("ok");
    expect(await judge({ leaf, request: { purpose: "client" } })).toEqual(["key-usage@0"]);
  });
});

describe("a self-issued CA", () => {
  test("does not count for the path length, nor do name constraints apply to it", async () => {
    const extra = [nameConstraints({ permitted: [{ type: "dns", value: "fleet.internal" }] })];
    const limits = basicConstraints({ ca: true, pathLength: 0 });
    const root = await forge({ subject: "root", ca: true, extra, replace: { basicConstraints: limits } });
    const renewed = await forge(
      { subject: "root", ca: true, replace: { subjectAltName: dns("elsewhere.org") } },
      root,
    );
    const leaf = await forge({}, renewed);
    const verdict = verifyCertificate({
      certificate: leaf.certificate,
      intermediates: [renewed.certificate],
      anchors: [root.certificate],
      at: NOW,
    });
    expect(verdict.ok).toBe(true);
  });
});

test("a critical CRL distribution point is not processed", async () => {
  const point = sequence(constructed(0, constructed(0, primitive(6, Buffer.from("http://crl.example/1")))));
  const critical = extension(oids.cRLDistributionPoints, true, sequence(point));
  const plain = extension(oids.cRLDistributionPoints, false, sequence(point));
  expect(await judge({ leaf: { extra: [plain] } })).toBe("ok");
  expect(await judge({ leaf: { extra: [critical] } })).toEqual(["unknown-critical-extension@0"]);
});

test("a wrong key identifier refuses, as by OpenSSL, and so does what a root says of another issuer than itself", async () => {
  const wrong = subjectKeyIdentifier(Uint8Array.of(1, 2, 3));
  expect(await judge({ issuing: { replace: { subjectKeyId: wrong } } })).toEqual(["name-chaining@0"]);
  const own = { subjectKeyId: wrong, authorityKeyId: null };
  expect(await judge({ root: { replace: own } })).toEqual(["name-chaining@1"]);
  const authorityKeyId = authorityKeyIdentifier(Uint8Array.of(1));
  expect(await judge({ root: { replace: { authorityKeyId } } })).toEqual(["name-chaining@2"]);
  expect(await judge({ root: { replace: { authorityKeyId: null } } })).toBe("ok");
});

test("an authority key identifier may name the issuer's certificate, and that one only", async () => {
  const named = async (of: (issuing: Identity, root: Identity) => readonly Uint8Array[]) => {
    const root = await forge({ subject: "root", ca: true });
    const issuing = await forge({ subject: "issuing", ca: true }, root);
    const fields = sequence(primitive(0, keyIdentifier(issuing.certificate.spki)), ...of(issuing, root));
    const authorityKeyId = extension(oids.authorityKeyIdentifier, false, fields);
    const leaf = await forge({ replace: { authorityKeyId } }, issuing);
    const verdict = verifyCertificate({
      certificate: leaf.certificate,
      intermediates: [issuing.certificate],
      anchors: [root.certificate],
      at: NOW,
    });
    return verdict.ok ? "ok" : verdict.reasons.map(({ code, certificate }) => `${code}@${certificate}`);
  };
  const by = ({ name }: Identity) => constructed(1, constructed(4, name));
  const serialOf = ({ certificate }: Identity) => primitive(2, Buffer.from(certificate.serial, "hex"));
  expect(await named((ca, root) => [by(root), serialOf(ca)])).toBe("ok");
  expect(await named((_, root) => [by(root), primitive(2, Uint8Array.of(42))])).toEqual(["name-chaining@0"]);
  expect(await named((ca) => [by(ca), serialOf(ca)])).toEqual(["name-chaining@0"]);
});
