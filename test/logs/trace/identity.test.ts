import { describe, expect, test } from "vitest";
import { isAbout, isNamed } from "../../../src/logs/trace/identity.ts";

/** One subject, as programs write it. */
const forms = [
  "CN=tms,OU=carrier_dispatch,O=acme", // RFC 2253: nginx, Envoy, HAProxy
  "O=acme, OU=carrier_dispatch, CN=tms", // the embedded gateway
  "O=acme\nOU=carrier_dispatch\nCN=tms", // Node
  "O = acme, OU = carrier_dispatch, CN = tms", // openssl x509 -subject
  "/O=acme/OU=carrier_dispatch/CN=tms", // openssl -nameopt compat
  "CN=tms+OU=carrier_dispatch,O=acme",
  "O = acme, OU = carrier_dispatch + CN = tms",
  "/O=acme/OU=carrier_dispatch+CN=tms",
  'cn="tms",ou=carrier_dispatch,o=acme',
];

describe("isNamed", () => {
  test.each(forms)("reads a subject as %j", (subject) => {
    for (const name of ["tms", "CN=tms", "O=acme,CN=tms", ...forms])
      expect({ name, is: isNamed(subject, name) }).toEqual({ name, is: true });
    for (const name of ["tm", "ms", "acme", "CN=acme", "CN=tms,O=other", "CN=tms,L=x", "", "CN="])
      expect({ name, is: isNamed(subject, name) }).toEqual({ name, is: false });
  });

  test.each([
    [String.raw`CN=Smith\, John,O=acme`, "Smith, John"],
    ["O=acme, CN=Smith, John", "Smith, John"],
    ['CN="Smith, John", O=acme', "Smith, John"],
    [String.raw`CN=a\+OU\=b,O=acme`, "a+OU=b"],
    [String.raw`CN=a\\,O=acme`, String.raw`a\ `.trim()],
    [String.raw`CN=M\C3\BCller,O=acme`, "Müller"],
    [String.raw`/O=acme/CN=M\xC3\xBCller`, "Müller"],
    [String.raw`CN=a\ ,O=acme`, "a "],
    ["/O=acme/CN=fleet/truck-7", "fleet/truck-7"],
    ["CN=fleet/CN=x,O=acme", "fleet/CN=x"],
    ["CN=truck=7,O=acme", "truck=7"],
    ["tms", "tms"],
  ])("reads the common name of %j as %j", (subject, name) => {
    expect(isNamed(subject, name)).toBe(true);
    expect(isNamed(subject, `${name}x`)).toBe(false);
  });

  test.each([
    [String.raw`CN=evil\, CN=tms,O=acme`, "tms"],
    [String.raw`CN=evil\,CN=tms`, "tms"],
    ["CN=evil/CN=tms,O=acme", "tms"],
    ["O=CN\\=tms", "tms"],
  ])("a value is no attribute: %j is not %j", (subject, name) => {
    expect(isNamed(subject, name)).toBe(false);
  });

  test.each([",", "\\", " ", "a=", ",a=", "/a=", " =", "+ "])("reads a megabyte of %j", (text) => {
    expect(isNamed(text.repeat(1e6 / text.length), "tms")).toBe(false);
  });
});

describe("isAbout", () => {
  const subject = "O=acme, CN=tms";
  test.each([
    { identity: { subject } },
    { identity: "tms" },
    { certificate: { subject } },
    { certificate: "tms" },
    { requested_by: subject },
    { approvals: ["bob", "tms"] },
    { op: "issue", name: "tms" },
    { op: "issue", name: "x", sans: ["dns:x", "uri:tms"] },
  ])("finds whom %j names", (event) => {
    expect(isAbout(event, "tms")).toBe(true);
    expect(isAbout(event, "alice")).toBe(false);
  });

  test.each([
    { identity: { serial: "0A:BC" } },
    { certificate: { serial: "0abc" } },
    { op: "revoke", serial: "0ABC" },
    { certificate: "tms", previous_serial: "0ABC" },
  ])("finds the serial of %j", (event) => {
    for (const serial of ["abc", "0A:BC", "0x0abc"]) expect(isAbout(event, serial)).toBe(true);
    expect(isAbout(event, "abcd")).toBe(false);
  });

  test.each([
    {},
    { identity: null, certificate: 7, requested_by: ["tms"], approvals: "tms" },
    { name: "tms", sans: ["uri:tms"] },
    { service: "tms", identity: { subject: 7, serial: 7 } },
  ])("finds nobody in %j", (event) => {
    expect(isAbout(event, "tms")).toBe(false);
  });
});
