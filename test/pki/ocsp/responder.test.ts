import { randomBytes, X509Certificate } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { type Authority, openAuthority } from "../../../src/pki/authority.ts";
import { issue } from "../../../src/pki/issue.ts";
import { openResponder, type Responder, type ResponderOptions } from "../../../src/pki/ocsp/responder.ts";
import type { PkiPlatform } from "../../../src/pki/state.ts";
import { revoke } from "../../../src/pki/revoke.ts";
import { parseCertificate } from "../../../src/pki/verify/certificate.ts";
import { encodeCertId, encodeRequest, type ReadResponse, readResponse } from "../../support/ocsp.ts";
import { movablePlatform, testAuthority, testRole, testSettings } from "../../support/pki.ts";

const MALFORMED = 1;
const TRY_LATER = 3;
const UNAUTHORIZED = 6;
const HOUR = 3_600_000;

interface Setting {
  readonly platform: PkiPlatform & { moveTo(time: number): void };
  readonly authority: Authority;
  readonly responder: Responder;
  readonly faults: string[];
  readonly serial: string;
  readonly ask: (...certIds: Uint8Array[]) => Promise<ReadResponse>;
}

/** A CA with a certificate, and a responder that answers for an hour. */
async function setting(options: Partial<ResponderOptions> = {}): Promise<Setting> {
  const platform = movablePlatform(Date.UTC(2026, 5, 1));
  const authority = await testAuthority(platform);
  const { serial } = await issue(platform, authority, testSettings, { name: "truck-1", role: testRole });
  const faults: string[] = [];
  const responder = await openResponder(platform, {
    open: async () => openAuthority(platform.files, authority.stateDirectory, never),
    settings: testSettings,
    validity: 3600,
    onFault: ({ message }) => faults.push(message),
    ...options,
  });
  await responder.ready();
  const ask = async (...certIds: Uint8Array[]) =>
    readResponse((await responder.respond(encodeRequest(certIds))).der);
  return { platform, authority, responder, faults, serial, ask };
}

const never = () => Promise.reject(new Error("the keys are not encrypted"));

describe("a responder", () => {
  test.each(["sha1", "sha256"] as const)("knows good from unknown, asked by %s", async (hash) => {
    const { authority, platform, serial, ask } = await setting();
    const { issuing } = authority.current;
    const asked = encodeCertId(issuing, serial, hash);
    const { status, basic } = await ask(asked, encodeCertId(issuing, "1234", hash));
    expect(status).toBe(0);
    expect(basic?.responses).toMatchObject([
      {
        serial,
        status: "good",
        thisUpdate: platform.clock.now() - 60_000,
        nextUpdate: platform.clock.now() + HOUR,
      },
      { serial: "1234", status: "unknown" },
    ]);
    expect(basic?.responses[0]?.certId).toEqual(asked);
    expect(basic?.producedAt).toBe(platform.clock.now());
    expect(basic?.nonce).toBeUndefined();
  });

  test("tells of a revocation at the next request, with time and reason", async () => {
    const { platform, authority, serial, ask } = await setting();
    const id = encodeCertId(authority.current.issuing, serial);
    expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
    const at = platform.clock.now() + 5_000;
    platform.moveTo(at);
    await revoke(platform, authority, testSettings, { target: serial, reason: "keyCompromise" });
    expect((await ask(id)).basic?.responses).toMatchObject([{ status: "revoked", revokedAt: at, reason: 1 }]);
  });

  test("answers nothing from an inventory that is damaged, says why, and goes on when it is mended", async () => {
    const { authority, serial, ask, faults } = await setting();
    const id = encodeCertId(authority.current.issuing, serial);
    expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
    const path = authority.layout.inventory;
    const whole = readFileSync(path, "utf8");
    writeFileSync(path, whole.replace("truck-1", "truck-2"));
    expect(await ask(id)).toMatchObject({ status: TRY_LATER });
    expect(await ask(id)).toMatchObject({ status: TRY_LATER });
    expect(faults).toEqual([expect.stringMatching(/is damaged at line \d+$/)]);
    writeFileSync(path, whole);
    expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
  });

  test.each(["root-crl.pem", "issuing-crl.pem"])(
    "answers nothing by a %s that is another CA's, or missing",
    async (name) => {
      const { authority, serial, ask, faults } = await setting();
      const { root, issuing } = authority.current;
      const id = name === "root-crl.pem" ? encodeCertId(root, issuing.serial) : encodeCertId(issuing, serial);
      expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
      const path = join(authority.layout.authorities, "1", name);
      const whole = readFileSync(path, "utf8");
      const other = await setting();
      writeFileSync(path, readFileSync(join(other.authority.layout.authorities, "1", name), "utf8"));
      expect(await ask(id)).toMatchObject({ status: TRY_LATER });
      rmSync(path);
      expect(await ask(id)).toMatchObject({ status: TRY_LATER });
      expect(faults).toEqual([
        expect.stringContaining("no CRL of the CA beside it"),
        expect.stringContaining("which every CA has"),
      ]);
      writeFileSync(path, whole);
      expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
    },
  );

  test("leaves an unspecified reason out", async () => {
    const { platform, authority, serial, ask } = await setting();
    await revoke(platform, authority, testSettings, { target: serial, reason: "unspecified" });
    const [single] = (await ask(encodeCertId(authority.current.issuing, serial))).basic?.responses ?? [];
    expect(single).toMatchObject({ status: "revoked" });
    expect(single).not.toHaveProperty("reason");
  });

  test("signs with a certificate of its issuer that says what it is for", async () => {
    const { authority, serial, ask } = await setting();
    const { issuing, root } = authority.current;
    const own = await ask(encodeCertId(issuing, serial));
    const above = await ask(encodeCertId(root, issuing.serial));
    expect(above.basic?.responses).toMatchObject([{ status: "good" }]);
    expect((await ask(encodeCertId(root, serial))).basic?.responses).toMatchObject([{ status: "unknown" }]);
    for (const [response, issuer] of [
      [own, issuing],
      [above, root],
    ] as const) {
      const signer = response.basic?.signer;
      expect(signer?.verify(new X509Certificate(issuer.der).publicKey)).toBe(true);
      const parsed = parseCertificate(signer?.raw ?? new Uint8Array(0), "signer");
      expect(parsed).toMatchObject({
        extendedKeyUsage: ["1.3.6.1.5.5.7.3.9"],
        keyUsage: ["digitalSignature"],
        basicConstraints: { ca: false },
        defects: [],
      });
      expect(parsed.extensions.some(({ oid }) => oid === "1.3.6.1.5.5.7.48.1.5")).toBe(true);
      expect(parsed.notAfter - parsed.notBefore).toBe(24 * HOUR + 60_000);
    }
  });

  test("has its own certificate in the inventory", async () => {
    const { authority, serial, ask } = await setting();
    const signer = (await ask(encodeCertId(authority.current.issuing, serial))).basic?.signer;
    authority.inventory.refresh();
    expect(authority.inventory.bySerial(signer?.serialNumber ?? "")?.issued).toMatchObject({
      role: "ocsp-responder",
    });
  });

  test("renews its certificate at half of its life", async () => {
    const { platform, authority, serial, ask, faults } = await setting();
    const id = encodeCertId(authority.current.issuing, serial);
    const signerAt = async (time: number) => {
      platform.moveTo(time);
      return (await ask(id)).basic?.signer.serialNumber;
    };
    const start = platform.clock.now();
    const first = await signerAt(start);
    expect(await signerAt(start + 12 * HOUR - 1000)).toBe(first);
    const second = await signerAt(start + 12 * HOUR);
    expect(second).not.toBe(first);
    expect(await signerAt(start + 24 * HOUR)).not.toBe(second);
    expect(faults).toEqual([]);
  });

  test("goes on with its certificate to the end where another cannot be had, and answers no longer than that", async () => {
    const { platform, authority, ask, faults } = await setting();
    const { root, issuing } = authority.current;
    const id = encodeCertId(root, issuing.serial);
    const start = platform.clock.now();
    // the key moves away, as that of a root should
    const key = join(authority.layout.authorities, "1", "root-key.pem");
    renameSync(key, `${key}.away`);
    platform.moveTo(start + 24 * HOUR - 60_000);
    expect((await ask(id)).basic?.responses).toMatchObject([
      { status: "good", nextUpdate: start + 24 * HOUR },
    ]);
    platform.moveTo(start + 25 * HOUR);
    expect(await ask(id)).toEqual({ status: TRY_LATER });
    expect(await ask(id)).toEqual({ status: TRY_LATER });
    expect(faults).toHaveLength(1);
    // and does so again when the key is back
    renameSync(`${key}.away`, key);
    expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
  });

  test("repeats a nonce, and lets no cache keep that answer", async () => {
    const { authority, responder, serial } = await setting();
    const id = encodeCertId(authority.current.issuing, serial);
    const nonce = randomBytes(128);
    const answer = await responder.respond(encodeRequest([id], nonce));
    expect(readResponse(answer.der).basic?.nonce).toEqual(new Uint8Array(nonce));
    expect(answer.cache).toBeUndefined();
    expect((await responder.respond(encodeRequest([id]))).cache).toBeDefined();
  });

  test("speaks for no foreign CA, and for one CA at a time", async () => {
    const { authority, serial, ask } = await setting();
    const foreign = (await testAuthority(movablePlatform())).current.issuing;
    const { issuing, root } = authority.current;
    expect(await ask(encodeCertId(foreign, serial))).toEqual({ status: UNAUTHORIZED });
    expect(await ask(encodeCertId(issuing, serial), encodeCertId(root, issuing.serial))).toEqual({
      status: UNAUTHORIZED,
    });
    // beside one that it knows, a foreign one is unknown
    expect(
      (await ask(encodeCertId(issuing, serial), encodeCertId(foreign, serial))).basic?.responses,
    ).toMatchObject([{ status: "good" }, { status: "unknown" }]);
  });

  test("says that a request is malformed", async () => {
    const { responder, faults } = await setting();
    for (const bytes of [new Uint8Array(0), randomBytes(100), encodeRequest([])]) {
      expect(readResponse((await responder.respond(bytes)).der)).toEqual({ status: MALFORMED });
    }
    expect(faults).toEqual([]);
  });

  test("without a root's key it answers for the issuing CA alone", async () => {
    const platform = movablePlatform();
    const authority = await testAuthority(platform);
    rmSync(join(authority.layout.authorities, "1", "root-key.pem"));
    const responder = await openResponder(platform, {
      open: async () => authority,
      settings: testSettings,
      validity: 60,
      onFault: () => {},
    });
    const { issuing, root } = authority.current;
    const ask = async (id: Uint8Array) => readResponse((await responder.respond(encodeRequest([id]))).der);
    expect(await ask(encodeCertId(root, issuing.serial))).toEqual({ status: UNAUTHORIZED });
    expect(await ask(encodeCertId(issuing, "01"))).toMatchObject({ status: 0 });
  });

  test("a damaged inventory is no answer", async () => {
    const { authority, serial, ask, faults } = await setting();
    const id = encodeCertId(authority.current.issuing, serial);
    expect(await ask(id)).toMatchObject({ status: 0 });
    writeFileSync(authority.layout.inventory, '{"op":"issue"}\n', { flag: "a" });
    expect(await ask(id)).toEqual({ status: TRY_LATER });
    expect(faults).toEqual([expect.stringContaining("is damaged at line")]);
  });

  test("sees a generation of the CA that appears, and tries again while it is not whole", async () => {
    const { platform, authority, serial, ask } = await setting();
    const id = encodeCertId(authority.current.issuing, serial);
    const second = join(authority.layout.authorities, "2");
    mkdirSync(second);
    expect(await ask(id)).toEqual({ status: TRY_LATER });
    rmSync(second, { recursive: true });
    const other = await testAuthority(platform);
    // its first CRL is on record before it appears, as `ca rotate` has it
    authority.inventory.append([{ op: "crl", at: "", authority: 2, number: 1 }]);
    renameSync(join(other.layout.authorities, "1"), second);
    expect((await ask(id)).basic?.responses).toMatchObject([{ status: "good" }]);
    // its certificates are its own
    expect((await ask(encodeCertId(other.current.issuing, serial))).basic?.responses).toMatchObject([
      { status: "unknown" },
    ]);
  });
});
