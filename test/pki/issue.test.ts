import { X509Certificate } from "node:crypto";
import {
  chmodSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  unlinkSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { openAuthority } from "../../src/pki/authority.ts";
import { describeCrl } from "../../src/pki/describe-ca.ts";
import { initAuthority } from "../../src/pki/init-authority.ts";
import { issue, issueEphemeral } from "../../src/pki/issue.ts";
import { readPrivateKey } from "../../src/pki/key-file.ts";
import { spkiOf } from "../../src/pki/keys.ts";
import { listCertificates } from "../../src/pki/list.ts";
import { dueAt, renew } from "../../src/pki/renew.ts";
import { revoke } from "../../src/pki/revoke.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { movablePlatform, testAuthority, testRole, testSettings } from "../support/pki.ts";
import { scratch } from "../support/scratch.ts";

const HOUR = 3_600_000;
const noPassphrase = () => Promise.reject(new Error("asked for a passphrase"));
const role = () => testRole;

describe("a new CA", () => {
  test("is a root and an issuing CA below it, with CRLs of both and a trust bundle", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const root = new X509Certificate(authority.current.root.der);
    const issuing = new X509Certificate(authority.current.issuing.der);
    expect(root.checkIssued(root) && root.verify(root.publicKey)).toBe(true);
    expect(issuing.checkIssued(root) && issuing.verify(root.publicKey)).toBe(true);
    expect([root.ca, issuing.ca]).toEqual([true, true]);
    expect(readFileSync(authority.layout.trustBundle, "utf8")).toBe(root.toString());
    expect(readFileSync(authority.layout.crl, "utf8").match(/BEGIN X509 CRL/g)).toHaveLength(2);
    for (const name of ["root-key.pem", "issuing-key.pem"]) {
      expect(statSync(join(authority.layout.authorities, "1", name)).mode & 0o777).toBe(0o600);
    }
  });

  test("has encrypted keys where a passphrase is given, and opens with it alone", async () => {
    const platform = movablePlatform();
    const stateDirectory = join(scratch(), "state");
    const asked: string[] = [];
    const passphrase = (id: string) => {
      asked.push(id);
      return Promise.resolve("correct horse");
    };
    const request = {
      stateDirectory,
      settings: testSettings,
      permitted: undefined,
      passphrase,
      iterations: 1000,
    };
    const authority = await initAuthority(platform, request);
    expect(asked).toEqual([authority.current.id]);
    for (const name of ["root-key.pem", "issuing-key.pem"]) {
      expect(readFileSync(join(authority.layout.authorities, "1", name), "utf8")).toMatch(
        /^-----BEGIN ENCRYPTED/,
      );
    }
    const open = (secret: string) =>
      openAuthority(systemFiles, stateDirectory, () => Promise.resolve(secret)).signer();
    await expect(open("correct horse")).resolves.toMatchObject({ keyType: "p256" });
    await expect(open("wrong horse")).rejects.toMatchObject({ code: "passphrase" });
  });

  test("is made once", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const before = readFileSync(authority.layout.trustBundle);
    await expect(testAuthority(platform, testSettings, authority.stateDirectory)).rejects.toMatchObject({
      code: "exists",
    });
    expect(readFileSync(authority.layout.trustBundle)).toEqual(before);
  });
});

describe("issue", () => {
  test("puts certificate, key, chain and bundle behind `current`", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const issued = await issue(platform, authority, testSettings, { name: "truck-17", role: testRole });
    const certificate = new X509Certificate(readFileSync(issued.files.cert));
    const key = readPrivateKey(readFileSync(issued.files.key, "utf8"), "key");
    expect(certificate.checkPrivateKey(key)).toBe(true);
    expect(certificate.serialNumber).toBe(issued.serial);
    expect(certificate.subject).toBe("O=acme\nOU=vehicle_agent\nCN=truck-17");
    expect(certificate.subjectAltName).toBe(
      "DNS:truck-17.fleet.internal, URI:spiffe://fleet.internal/fleet-edge/truck-17",
    );
    expect(Date.parse(certificate.validTo) - Date.parse(certificate.validFrom)).toBe(24 * HOUR + 60_000);
    const [text, cert, chain] = [issued.files.key, issued.files.cert, issued.files.chain].map((path) =>
      readFileSync(path, "utf8"),
    );
    expect(readFileSync(issued.files.bundle, "utf8")).toBe(`${text}${cert}${chain}`);
    expect([issued.files.key, issued.files.bundle].map((path) => statSync(path).mode & 0o777)).toEqual([
      0o600, 0o600,
    ]);
  });

  test("again makes the next generation, keeps the last two and says what it replaces", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const first = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const second = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    expect(second.replaces).toBe(first.serial);
    platform.moveTo(Date.now() + HOUR);
    await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const directory = join(authority.layout.certificates, "a");
    expect(readdirSync(directory)).toEqual(["2", "3", "current"]);
    expect(readlinkSync(join(directory, "current"))).toBe("3");
    expect(
      listCertificates(platform.files, authority, platform.clock.now()).map(({ status }) => status),
    ).toEqual(["superseded", "superseded", "valid"]);
  });

  test("makes a new CRL once half of the last one's time is over", async () => {
    const start = Date.now();
    const platform = movablePlatform(start);
    const authority = await testAuthority(platform);
    const numberAfter = async (days: number) => {
      platform.moveTo(start + days * 24 * HOUR);
      await issue(platform, authority, testSettings, { name: "a", role: testRole });
      return describeCrl(systemFiles, authority, platform.clock.now());
    };
    expect(await numberAfter(3)).toMatchObject({ number: 1, stale: false });
    expect(await numberAfter(4)).toMatchObject({ number: 2, stale: false });
    expect(await numberAfter(7)).toMatchObject({ number: 2, stale: false });
  });

  test("in memory only is in the inventory too", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const issued = await issueEphemeral(platform, authority, testSettings, { name: "probe", role: testRole });
    expect(new X509Certificate(issued.cert).checkPrivateKey(readPrivateKey(issued.key, "key"))).toBe(true);
    const reopened = openAuthority(systemFiles, authority.stateDirectory, noPassphrase);
    expect(reopened.inventory.bySerial(issued.serial)?.issued.name).toBe("probe");
    expect(readdirSync(authority.stateDirectory).sort()).toEqual(["ca", "inventory.jsonl", "lock"]);
  });

  test("refuses a key file that others can read", async () => {
    const platform = movablePlatform();
    const { stateDirectory, layout } = await testAuthority(platform);
    chmodSync(join(layout.authorities, "1", "issuing-key.pem"), 0o640);
    expect(() => openAuthority(systemFiles, stateDirectory, noPassphrase)).toThrow(
      expect.objectContaining({ code: "permission" }),
    );
    expect(readdirSync(stateDirectory)).not.toContain("certs");
  });
});

describe("renew", () => {
  test("does nothing before two thirds of the lifetime, then renews with the same key", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const issued = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const early = await renew(platform, authority, testSettings, { name: "a", role });
    expect(early).toMatchObject({ renewed: false, current: { serial: issued.serial } });
    platform.moveTo(issued.notBefore + 17 * HOUR);
    const due = await renew(platform, authority, testSettings, { name: "a", role });
    expect(due).toMatchObject({ renewed: true, certificate: { sans: issued.sans, replaces: issued.serial } });
    const renewed = new X509Certificate(readFileSync(issued.files.cert));
    expect(renewed.serialNumber).not.toBe(issued.serial);
    expect(spkiOf(renewed.publicKey)).toEqual(spkiOf(new X509Certificate(issued.cert).publicKey));
  });

  test("with rekey makes a new key, which belongs to the new certificate", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const issued = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    await renew(platform, authority, testSettings, { name: "a", role, force: true, rekey: true });
    const renewed = new X509Certificate(readFileSync(issued.files.cert));
    expect(spkiOf(renewed.publicKey)).not.toEqual(spkiOf(new X509Certificate(issued.cert).publicKey));
    expect(renewed.checkPrivateKey(readPrivateKey(readFileSync(issued.files.key, "utf8"), "k"))).toBe(true);
  });

  test("after the end works within the grace, and not beyond it", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const issued = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    platform.moveTo(issued.notAfter + 8 * 24 * HOUR);
    await expect(renew(platform, authority, testSettings, { name: "a", role })).rejects.toMatchObject({
      code: "refused",
    });
    platform.moveTo(issued.notAfter + 6 * 24 * HOUR);
    expect(await renew(platform, authority, testSettings, { name: "a", role })).toMatchObject({
      renewed: true,
    });
  });

  test("finishes what a killed process began: a generation in the inventory that `current` does not lead to", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const second = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const link = join(authority.layout.certificates, "a", "current");
    unlinkSync(link);
    symlinkSync("1", link);
    const result = await renew(platform, authority, testSettings, { name: "a", role });
    expect(result).toMatchObject({ renewed: false, current: { serial: second.serial } });
    expect(readlinkSync(link)).toBe("2");
  });

  test("of nothing, and of a revoked certificate, is refused", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    await expect(renew(platform, authority, testSettings, { name: "a", role })).rejects.toMatchObject({
      code: "not-found",
    });
    await issue(platform, authority, testSettings, { name: "a", role: testRole });
    await revoke(platform, authority, testSettings, { target: "a", reason: "keyCompromise" });
    await expect(
      renew(platform, authority, testSettings, { name: "a", role, force: true }),
    ).rejects.toMatchObject({ code: "refused" });
    expect(authority.inventory.entries()).toHaveLength(1);
  });

  test("is due between 2/3 - 1/20 and 2/3 of the lifetime, at a time of the certificate's own", () => {
    const times = Array.from({ length: 200 }, (_, i) =>
      dueAt({
        serial: `01${((i * 37) % 256).toString(16).padStart(2, "0")}000000`,
        // backdated by a minute: it was issued at 0
        notBefore: -60_000,
        notAfter: 60_000,
      }),
    );
    expect(Math.min(...times)).toBeGreaterThanOrEqual(37_000);
    expect(Math.max(...times)).toBeLessThanOrEqual(40_000);
    expect(new Set(times).size).toBeGreaterThan(100);
  });
});

describe("revoke", () => {
  test("by name takes every certificate of it that has not ended, and publishes a CRL", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const first = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const second = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const other = await issue(platform, authority, testSettings, { name: "b", role: testRole });
    const before = readFileSync(authority.layout.crl, "utf8");
    const { revoked } = await revoke(platform, authority, testSettings, {
      target: "a",
      reason: "keyCompromise",
    });
    expect(revoked.map(({ issued }) => issued.serial)).toEqual([first.serial, second.serial]);
    expect(readFileSync(authority.layout.crl, "utf8")).not.toBe(before);
    expect(
      listCertificates(platform.files, authority, platform.clock.now()).map(({ status }) => status),
    ).toEqual(["revoked", "revoked", "valid"]);
    expect(authority.inventory.bySerial(other.serial)?.revoked).toBeUndefined();
  });

  test("by serial number takes one, in any way of writing it; again changes nothing", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const first = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const second = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const target = (first.serial.toLowerCase().match(/../g) ?? []).join(":");
    const once = await revoke(platform, authority, testSettings, { target, reason: "superseded" });
    expect(once.revoked.map(({ issued }) => issued.serial)).toEqual([first.serial]);
    const crl = readFileSync(authority.layout.crl, "utf8");
    const twice = await revoke(platform, authority, testSettings, { target, reason: "keyCompromise" });
    expect(twice).toMatchObject({ revoked: [], already: [{ revoked: { reason: "superseded" } }] });
    expect(readFileSync(authority.layout.crl, "utf8")).toBe(crl);
    expect(authority.inventory.bySerial(second.serial)?.revoked).toBeUndefined();
  });

  test("of an unknown name, and of one whose certificates have ended, is refused", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    const issued = await issue(platform, authority, testSettings, { name: "a", role: testRole });
    const revokeIt = (target: string) =>
      revoke(platform, authority, testSettings, { target, reason: "unspecified" });
    await expect(revokeIt("b")).rejects.toMatchObject({ code: "not-found" });
    platform.moveTo(issued.notAfter + 2000);
    await expect(revokeIt("a")).rejects.toMatchObject({ code: "refused" });
    expect(authority.inventory.revocations(1)).toEqual([]);
  });
});
