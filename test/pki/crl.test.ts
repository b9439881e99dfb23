import { randomBytes } from "node:crypto";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatSerial, randomSerial } from "../../src/pki/certificate.ts";
import { buildCrl, type RevokedCertificate } from "../../src/pki/crl.ts";
import { revocationReasons } from "../../src/pki/inventory-line.ts";
import { generateKey, keySigner } from "../../src/pki/keys.ts";
import { encodeName } from "../../src/pki/name.ts";
import { parseCrl } from "../../src/pki/verify/crl.ts";

const issuer = { subject: encodeName([{ type: "CN", value: "CA" }]), keyId: new Uint8Array(20) };
const base = { issuer, number: 7, thisUpdate: Date.UTC(2026, 0, 1), nextUpdate: Date.UTC(2026, 0, 8) };
const signer = keySigner((await generateKey("p256")).privateKey);

test("what is revoked reads back with its time and reason", async () => {
  const revoked = fc.record({
    serial: fc
      .uint8Array({ minLength: 20, maxLength: 20 })
      .map((bytes) => bytes.with(0, ((bytes[0] ?? 0) & 0x7f) | 1)),
    revokedAt: fc.integer({ min: 0, max: 2 ** 32 }).map((seconds) => seconds * 1000),
    reason: fc.constantFrom(...revocationReasons),
  });
  await fc.assert(
    fc.asyncProperty(
      fc.uniqueArray(revoked, { selector: ({ serial }) => serial.join(), maxLength: 8 }),
      async (list) => {
        const crl = parseCrl(await buildCrl({ ...base, revoked: list }, signer), "crl");
        expect([crl.thisUpdate, crl.nextUpdate]).toEqual([base.thisUpdate, base.nextUpdate]);
        expect([...crl.revoked]).toEqual(
          list.map(({ serial, revokedAt, reason }) => [formatSerial(serial), { at: revokedAt, reason }]),
        );
      },
    ),
  );
});

test("a hundred thousand entries are built and read", { timeout: 180_000 }, async () => {
  const revoked = Array.from({ length: 100_000 }, (): RevokedCertificate => {
    return { serial: randomSerial(randomBytes), revokedAt: base.thisUpdate, reason: "keyCompromise" };
  });
  const crl = parseCrl(await buildCrl({ ...base, revoked }, signer), "crl");
  expect(crl.revoked.size).toBe(100_000);
  expect(crl.revoked.has(formatSerial(revoked[99_999]?.serial ?? new Uint8Array(1)))).toBe(true);
});
