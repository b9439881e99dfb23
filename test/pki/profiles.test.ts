import { expect, test } from "vitest";
import { leafKeyUsage } from "../../src/pki/profiles.ts";

test.each(["p256", "p384", "ed25519"] as const)("a key of type %s signs, whatever it is for", (type) => {
  for (const usages of [["client"], ["server"], ["client", "server"]] as const)
    expect(leafKeyUsage(type, usages)).toEqual(["digitalSignature"]);
});

// keyEncipherment does not go with clientAuth alone: RFC 5280 section 4.2.1.12, and zlint's
// e_key_usage_and_extended_key_usage_inconsistent
test("an RSA key takes key transport as a server, and not as a client alone", () => {
  expect(leafKeyUsage("rsa3072", ["server"])).toEqual(["digitalSignature", "keyEncipherment"]);
  expect(leafKeyUsage("rsa3072", ["client", "server"])).toEqual(["digitalSignature", "keyEncipherment"]);
  expect(leafKeyUsage("rsa3072", ["client"])).toEqual(["digitalSignature"]);
});
