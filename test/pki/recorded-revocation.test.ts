import { expect, test } from "vitest";
import { heedRecord, type Recorded } from "../../src/pki/recorded-revocation.ts";
import type { ReasonCode } from "../../src/pki/verify/reason.ts";

const certificate = {
  subject: "CN=truck",
  serial: "01",
  fingerprint: "aa",
  notAfter: "2030-01-01T00:00:00Z",
};
const issuer = { ...certificate, subject: "CN=issuing", fingerprint: "bb" };
const revoked = { at: "2026-01-01T00:00:00Z", reason: "keyCompromise" };
const inventory = {
  refresh() {},
  bySerial: () => ({ issued: {}, revoked }),
} as unknown as Recorded["inventory"];

function messagesFor(...codes: readonly ReasonCode[]): string[] {
  const reasons = codes.map((code) => ({ code, message: code, certificate: 0 }));
  const status = reasons.length === 0 ? "valid" : "unknown";
  const verdict = { file: "truck.pem", status, path: [certificate, issuer], reasons } as const;
  const heeded = heedRecord(verdict, { inventory, service: undefined, issuing: new Set(["bb"]) });
  expect(heeded.reasons.length === codes.length || heeded.status === "invalid").toBe(true);
  return heeded.reasons.map(({ message }) => message);
}

test("what the CRL lacks is said of one that counts, and not of one that is not read", () => {
  const byInventory = "was revoked at 2026-01-01T00:00:00Z, reason keyCompromise, by the inventory";
  const lacking = `${byInventory}, and the CRL does not say so yet`;
  expect(messagesFor()).toEqual([lacking]);
  expect(messagesFor("stale-crl")).toEqual(["stale-crl", lacking]);
  expect(messagesFor("unusable-crl")).toEqual(["unusable-crl", byInventory]);
  expect(messagesFor("no-crl")).toEqual(["no-crl", byInventory]);
  expect(messagesFor("revoked")).toEqual(["revoked"]);
});
