import { randomBytes } from "node:crypto";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { formatSerial, randomSerial } from "../../src/pki/certificate.ts";
import { crlPlace, openAuthority } from "../../src/pki/authority.ts";
import { buildCrl } from "../../src/pki/crl.ts";
import { readOwnCrl } from "../../src/pki/crl-evidence.ts";
import { encodePem } from "../../src/pki/pem.ts";
import { refreshCrls } from "../../src/pki/publish.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { movablePlatform, testAuthority, testSettings } from "../support/pki.ts";
import { unlessRefused } from "../support/refusal.ts";
import { scratch } from "../support/scratch.ts";

/** A CA, and what its CRLs have in common. */
async function ownCa() {
  const own = await testAuthority(movablePlatform());
  const { issuer, issuing: ca } = own.current;
  const spec = { issuer, thisUpdate: Date.UTC(2026, 0, 1), nextUpdate: Date.UTC(2026, 0, 8) };
  return { ca, spec, signer: await own.signer(), path: join(scratch(), "crl.pem") };
}

function openAgain(stateDirectory: string) {
  return openAuthority(files, stateDirectory, () => Promise.reject(new Error("no key is encrypted")));
}

const isState = expect.objectContaining({ code: "state" }) as Error;

test("number and serial numbers of a CRL read back", async () => {
  const { ca, spec, signer, path } = await ownCa();
  await fc.assert(
    fc.asyncProperty(fc.nat(), fc.nat({ max: 5 }), async (number, count) => {
      const serials = Array.from({ length: count }, () => randomSerial(randomBytes));
      const revoked = serials.map((serial) => ({ serial, revokedAt: 0, reason: "keyCompromise" as const }));
      writeFileSync(path, encodePem("X509 CRL", await buildCrl({ ...spec, number, revoked }, signer)));
      const crl = readOwnCrl(files, { path, ca });
      expect(crl.number).toBe(number);
      expect([...crl.serials()]).toEqual(serials.map(formatSerial));
    }),
    { numRuns: 30 },
  );
});

test("a CRL that is cut off anywhere, or holds anything, is damage and no other error", async () => {
  const { ca, spec, signer, path } = await ownCa();
  const revoked = [{ serial: randomSerial(randomBytes), revokedAt: 0, reason: "superseded" as const }];
  const pem = encodePem("X509 CRL", await buildCrl({ ...spec, number: 7, revoked }, signer));
  fc.assert(
    fc.property(fc.nat({ max: pem.length - 60 }), fc.uint8Array({ maxLength: 200 }), (length, rest) => {
      writeFileSync(path, Buffer.concat([Buffer.from(pem.slice(0, length)), rest]));
      const crl = unlessRefused(() => readOwnCrl(files, { path, ca }), "state");
      // at most bytes after the signature were changed
      expect(crl?.number ?? 7).toBe(7);
    }),
  );
  rmSync(path);
  expect(() => readOwnCrl(files, { path, ca })).toThrow(isState);
});

test("a CRL of another CA, of one of the same name, or with an entry changed, is none of this CA's", async () => {
  const { ca, spec, signer, path } = await ownCa();
  const other = await testAuthority(movablePlatform());
  const serial = randomSerial(randomBytes);
  const build = async (issuer: typeof spec.issuer, by: typeof signer) =>
    buildCrl(
      { ...spec, issuer, number: 1, revoked: [{ serial, revokedAt: 0, reason: "superseded" as const }] },
      by,
    );
  const mine = await build(spec.issuer, signer);
  const read = (der: Uint8Array) => {
    writeFileSync(path, encodePem("X509 CRL", der));
    return readOwnCrl(files, { path, ca }).number;
  };
  expect(read(mine)).toBe(1);
  const theirs = await other.signer();
  const at = Buffer.from(mine).indexOf(Buffer.from(serial));
  expect(at).toBeGreaterThan(0);
  const changed = Uint8Array.from(mine, (byte, i) => (i === at + 5 ? byte ^ 1 : byte));
  const saying = (message: string) => expect.objectContaining({ code: "state", message }) as Error;
  for (const [der, why] of [
    [await build(other.current.issuer, theirs), "its issuer is"],
    [await build(spec.issuer, theirs), "it has a signature that is not its issuer's"],
    [changed, "it has a signature that is not its issuer's"],
  ] as const)
    expect(() => read(der)).toThrow(
      saying(expect.stringContaining(`${path} is no CRL of the CA beside it: ${why}`) as string),
    );
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
  expect(readOwnCrl(files, crlPlace(layout, first.current)).number).toBe(3);
});

test("a kill between the record and the CRL is no damage", async () => {
  const platform = movablePlatform();
  const authority = await testAuthority(platform);
  const place = crlPlace(authority.layout, authority.current);
  const { path } = place;
  const before = readFileSync(path);
  await refreshCrls(platform, authority, testSettings);
  writeFileSync(path, before);
  await refreshCrls(platform, openAgain(authority.stateDirectory), testSettings);
  expect(readOwnCrl(files, place).number).toBe(3);
});

test("entries that are not on record are not dropped, whatever the number", async () => {
  const platform = movablePlatform();
  const authority = await testAuthority(platform);
  const place = crlPlace(authority.layout, authority.current);
  const { path } = place;
  const revoked = [{ serial: randomSerial(randomBytes), revokedAt: 0, reason: "superseded" as const }];
  const { issuer } = authority.current;
  const ours = await authority.signer();
  const before = readFileSync(path);
  const times = { thisUpdate: Date.now(), nextUpdate: Date.now() + 1000 };
  const ahead = encodePem("X509 CRL", await buildCrl({ ...times, issuer, number: 1, revoked }, ours));
  writeFileSync(path, ahead);
  await expect(refreshCrls(platform, authority, testSettings)).rejects.toThrow(isState);
  expect(readFileSync(path, "utf8")).toBe(ahead);
  writeFileSync(path, before);
  await refreshCrls(platform, authority, testSettings);
  expect(readOwnCrl(files, place).number).toBe(2);
});
