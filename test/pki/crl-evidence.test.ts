import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatSerial, randomSerial } from "../../src/pki/certificate.ts";
import { crlPlace, openAuthority } from "../../src/pki/authority.ts";
import { buildCrl } from "../../src/pki/crl.ts";
import { readOwnCrl } from "../../src/pki/crl-evidence.ts";
import { generateKey, keySigner } from "../../src/pki/keys.ts";
import { encodeName } from "../../src/pki/name.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { refreshCrls } from "../../src/pki/publish.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { movablePlatform, testAuthority, testSettings } from "../support/pki.ts";
import { unlessRefused } from "../support/refusal.ts";
import { scratch } from "../support/scratch.ts";

const signer = keySigner((await generateKey("p256")).privateKey);
const spec = {
  issuer: { subject: encodeName([{ type: "CN", value: "CA" }]), keyId: new Uint8Array(20) },
  thisUpdate: Date.UTC(2026, 0, 1),
  nextUpdate: Date.UTC(2026, 0, 8),
};

function openAgain(stateDirectory: string) {
  return openAuthority(files, stateDirectory, () => Promise.reject(new Error("no key is encrypted")));
}

const isState = expect.objectContaining({ code: "state" }) as Error;

test("number and serial numbers of a CRL read back", async () => {
  const path = join(scratch(), "crl.pem");
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat({ max: 5 }), async (number, count) => {
      const serials = Array.from({ length: count }, () => randomSerial(randomBytes));
      const revoked = serials.map((serial) => ({ serial, revokedAt: 0, reason: "keyCompromise" as const }));
      writeFileSync(path, encodePem("X509 CRL", await buildCrl({ ...spec, number, revoked }, signer)));
      const crl = readOwnCrl(files, path);
      expect(crl?.number).toBe(number);
      expect([...(crl?.serials() ?? [])]).toEqual(serials.map(formatSerial));
    }),
    { numRuns: 30 },
  );
});

test("a CRL that is cut off anywhere, or holds anything, is damage and no other error", async () => {
  const path = join(scratch(), "crl.pem");
  const revoked = [{ serial: randomSerial(randomBytes), revokedAt: 0, reason: "superseded" as const }];
  const pem = encodePem("X509 CRL", await buildCrl({ ...spec, number: 7, revoked }, signer));
  fc.assert(
    fc.property(fc.nat({ max: pem.length - 60 }), fc.uint8Array({ maxLength: 200 }), (length, rest) => {
      writeFileSync(path, Buffer.concat([Buffer.from(pem.slice(0, length)), rest]));
      const crl = unlessRefused(() => readOwnCrl(files, path), "state");
      // at most bytes after what is read were changed
      expect(crl?.number ?? 7).toBe(7);
    }),
  );
  rmSync(path);
  expect(readOwnCrl(files, path)).toBeUndefined();
});

test("a process that goes on notices that the inventory lost what another published", async () => {
  const platform = movablePlatform();
  const first = await testAuthority(platform);
  const { layout, stateDirectory } = first;
  const before = readFileSync(layout.inventory);
  const second = openAgain(stateDirectory);
  await refreshCrls(platform, second, testSettings);
  const whole = readFileSync(layout.inventory);
  writeFileSync(layout.inventory, before);
  expect(() => first.inventory.refresh()).toThrow(isState);
  await expect(refreshCrls(platform, first, testSettings)).rejects.toThrow(isState);
  expect(() => openAgain(stateDirectory)).toThrow(isState);
  writeFileSync(layout.inventory, whole);
  await refreshCrls(platform, first, testSettings);
  expect(readOwnCrl(files, crlPlace(layout, 1).path)?.number).toBe(3);
});

test("a kill between the record and the CRL is no damage", async () => {
  const platform = movablePlatform();
  const authority = await testAuthority(platform);
  const { path } = crlPlace(authority.layout, 1);
  const before = readFileSync(path);
  await refreshCrls(platform, authority, testSettings);
  writeFileSync(path, before);
  await refreshCrls(platform, openAgain(authority.stateDirectory), testSettings);
  expect(readOwnCrl(files, path)?.number).toBe(3);
});

test("entries that are not on record are not dropped, whatever the number", async () => {
  const platform = movablePlatform();
  const authority = await testAuthority(platform);
  const { path } = crlPlace(authority.layout, 1);
  const revoked = [{ serial: randomSerial(randomBytes), revokedAt: 0, reason: "superseded" as const }];
  const { issuer } = authority.current;
  const ours = await authority.signer();
  const before = readFileSync(path);
  const ahead = encodePem("X509 CRL", await buildCrl({ ...spec, issuer, number: 1, revoked }, ours));
  writeFileSync(path, ahead);
  await expect(refreshCrls(platform, authority, testSettings)).rejects.toThrow(isState);
  expect(readFileSync(path, "utf8")).toBe(ahead);
  writeFileSync(path, before);
  await refreshCrls(platform, authority, testSettings);
  expect(readOwnCrl(files, path)?.number).toBe(2);
});
