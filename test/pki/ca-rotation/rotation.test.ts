import { X509Certificate } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readOwnCrl } from "../../../src/pki/crl-evidence.ts";
import { issue } from "../../../src/pki/issue.ts";
import { decodePem } from "../../../src/pki/pem.ts";
import { revoke } from "../../../src/pki/revoke.ts";
import { parseCertificate } from "../../../src/pki/verify/certificate.ts";
import { MAX_CRL_FILE, readCrls } from "../../../src/pki/verify/pem.ts";
import { verifyFiles } from "../../../src/pki/verify/verify-files.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { testRole, testSettings } from "../../support/pki.ts";
import { OVERLAP, rotatingCa, type RotatingCa } from "./rotating-ca.ts";

const REFUSED = expect.objectContaining({ code: "refused" });
const DAY = 86_400;

function bundle({ stateDirectory }: RotatingCa): string {
  return readFileSync(join(stateDirectory, "ca/bundle.pem"), "utf8");
}

/** Key identifiers of the roots in the bundle that relying parties load. */
function trustedRoots(ca: RotatingCa): (string | undefined)[] {
  return decodePem(bundle(ca), "bundle", ["CERTIFICATE"]).map(
    ({ der }) => parseCertificate(der, "root").subjectKeyId,
  );
}

/** Whether a certificate is valid by the CRLs and the bundle that are published now. */
function isAccepted(ca: RotatingCa, { files }: Awaited<ReturnType<RotatingCa["issue"]>>): boolean {
  const at = (name: string) => join(ca.stateDirectory, "ca", name);
  const [verdict] = verifyFiles(
    {
      files: [files.cert],
      anchors: [at("bundle.pem")],
      untrusted: [files.chain],
      crls: [at("crl.pem")],
      purpose: "client",
      peer: undefined,
      at: ca.platform.clock.now(),
    },
    systemFiles,
  );
  return verdict?.status === "valid";
}

describe("a root rotation", () => {
  test("goes through three phases, and every certificate is accepted all the way", async () => {
    const ca = await rotatingCa();
    const old = ca.open().current;
    const first = await ca.issue("a");
    expect(ca.status()).toMatchObject({ phase: "idle", old: [] });

    await ca.steps.begin();
    expect(ca.status()).toMatchObject({ phase: "both-trusted" });
    expect(trustedRoots(ca)).toHaveLength(2);
    const second = await ca.issue("b");
    expect(ca.open().current.id).toBe(old.id);

    ca.pass(OVERLAP);
    await ca.steps.switch();
    expect(ca.status()).toMatchObject({ phase: "new-issues" });
    const third = await ca.issue("c");
    expect([first, second, third].map((one) => isAccepted(ca, one))).toEqual([true, true, true]);
    const { current } = ca.open();
    expect(current.id).not.toBe(old.id);
    const issuer = new X509Certificate(readFileSync(third.files.chain));
    expect(
      issuer.checkIssued(new X509Certificate(readFileSync(join(ca.stateDirectory, "ca/2/root-cert.pem")))),
    ).toBe(true);

    ca.pass(DAY + 60);
    const fourth = await ca.issue("c");
    await ca.steps.finish();
    expect(ca.status()).toMatchObject({ phase: "idle" });
    expect(trustedRoots(ca)).toEqual([current.id]);
    expect(isAccepted(ca, fourth)).toBe(true);
    expect(readdirSync(join(ca.stateDirectory, "ca")).sort()).toEqual([
      "2",
      "bundle.pem",
      "crl.pem",
      "current",
      "retired",
    ]);
    // what is kept of the old CA has no key in it
    expect(readdirSync(join(ca.stateDirectory, "ca/retired/1"))).toEqual([
      "issuing-cert.pem",
      "root-cert.pem",
    ]);
    await ca.steps.begin();
    expect(ca.status()).toMatchObject({ phase: "both-trusted", next: { number: 3 } });
  });

  test("begin is refused while another is under way, and each step out of its turn", async () => {
    const ca = await rotatingCa();
    for (const step of ["switch", "finish", "abort"] as const) {
      await expect(ca.steps[step]()).rejects.toEqual(REFUSED);
    }
    await ca.steps.begin();
    for (const step of ["begin", "intermediate", "finish"] as const) {
      await expect(ca.steps[step]()).rejects.toEqual(REFUSED);
    }
    ca.pass(OVERLAP);
    await ca.steps.switch();
    for (const step of ["begin", "intermediate", "switch"] as const) {
      await expect(ca.steps[step]()).rejects.toEqual(REFUSED);
    }
    expect(ca.status().phase).toBe("new-issues");
  });

  test("the new CA does not issue before relying parties have had time to load the bundle", async () => {
    const ca = await rotatingCa();
    await ca.steps.begin();
    ca.pass(OVERLAP - 1);
    await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
    expect(ca.open().current.number).toBe(1);
    ca.pass(1);
    await ca.steps.switch();
    expect(ca.open().current.number).toBe(2);
  });

  test("the old root stays while a certificate that has neither ended nor been revoked chains to it", async () => {
    const ca = await rotatingCa();
    const short = await ca.issue("short", 2 * OVERLAP);
    const long = await ca.issue("long");
    await ca.steps.begin();
    ca.pass(OVERLAP);
    await ca.steps.switch();
    await ca.issue("new");
    const named = await ca.steps.finish().catch((error: { problems: string[] }) => error.problems);
    expect(named).toEqual([
      expect.stringContaining(`short ${short.serial}`),
      expect.stringContaining(`long ${long.serial}`),
    ]);
    ca.pass(OVERLAP + 60);
    expect(await ca.steps.finish().catch((error: { problems: string[] }) => error.problems)).toHaveLength(1);
    const { platform } = ca;
    await revoke(platform, ca.open(), testSettings, { target: long.serial, reason: "superseded" });
    await ca.steps.finish();
    expect(ca.status().phase).toBe("idle");
  });

  test("a bundle with both roots that was never published keeps the new CA from issuing", async () => {
    const ca = await rotatingCa();
    await ca.steps.begin();
    systemFiles.remove(join(ca.stateDirectory, "ca/rotation.json"));
    ca.pass(10 * OVERLAP);
    await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
    // begin completes it, makes no other CA, and the time begins anew
    await ca.steps.begin();
    expect(ca.open().trusted).toHaveLength(2);
    await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
    ca.pass(OVERLAP);
    await ca.steps.switch();
  });

  test.each(["bundle.pem", "crl.pem"])(
    "a %s that was put back keeps the new CA from issuing, and the wait begins anew",
    async (name) => {
      const ca = await rotatingCa();
      const path = join(ca.stateDirectory, "ca", name);
      const old = readFileSync(path, "utf8");
      await ca.steps.begin();
      const both = readFileSync(path, "utf8");
      ca.pass(10 * OVERLAP);
      systemFiles.write(path, old);
      expect(ca.status()).toMatchObject({ phase: "both-trusted", published: undefined });
      await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
      expect([ca.open().current.number, readFileSync(path, "utf8")]).toEqual([1, old]);

      await ca.steps.begin();
      expect([ca.open().trusted.length, readFileSync(path, "utf8")]).toEqual([2, both]);
      await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
      ca.pass(OVERLAP);
      await ca.steps.switch();
      expect(ca.open().current.number).toBe(2);

      // in phase 2 too, and there is no wait there
      ca.pass(DAY);
      systemFiles.write(path, old);
      await expect(ca.steps.finish()).rejects.toEqual(REFUSED);
      await ca.steps.begin();
      await ca.steps.finish();
      expect(ca.status().phase).toBe("idle");
    },
  );

  test("a bundle that was put back, and put right by what issues, makes the wait begin anew", async () => {
    const ca = await rotatingCa();
    const path = join(ca.stateDirectory, "ca/bundle.pem");
    const old = bundle(ca);
    await ca.steps.begin();
    const both = bundle(ca);
    ca.pass(10 * OVERLAP);
    systemFiles.write(path, old);
    await ca.issue("a");
    expect(bundle(ca)).toBe(both);
    await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
    await ca.steps.begin();
    ca.pass(OVERLAP);
    await ca.steps.switch();
    expect(ca.open().current.number).toBe(2);
  });

  test("a damaged record is reported, and nothing is done", async () => {
    const ca = await rotatingCa();
    await ca.steps.begin();
    const path = join(ca.stateDirectory, "ca/rotation.json");
    const whole = readFileSync(path, "utf8");
    const { to, root, issuing, published } = JSON.parse(whole);
    const texts = [
      "",
      "{",
      "null",
      ...[
        { to },
        { to, published },
        { to, root, published },
        { to, root, issuing, published: "soon" },
        { to, root: "00", issuing, published },
        { to: "2", root, issuing, published },
      ].map((record) => JSON.stringify(record)),
    ];
    ca.pass(OVERLAP);
    for (const text of texts) {
      systemFiles.write(path, text);
      await expect(ca.steps.switch()).rejects.toMatchObject({ code: "state" });
    }
    expect(ca.open().current.number).toBe(1);
    systemFiles.write(path, whole);
    await ca.steps.switch();
  });

  test("aborted in phase 1, all is as before; in phase 2, the old CA issues again and both are trusted", async () => {
    const ca = await rotatingCa();
    const before = bundle(ca);
    await ca.steps.begin();
    await ca.steps.abort();
    expect([ca.status().phase, bundle(ca)]).toEqual(["idle", before]);

    await ca.steps.begin();
    ca.pass(OVERLAP);
    await ca.steps.switch();
    const made = await ca.issue("a");
    await ca.steps.abort();
    expect(ca.status().phase).toBe("both-trusted");
    expect(ca.open().current.number).toBe(1);
    expect(isAccepted(ca, made)).toBe(true);
    // the new CA cannot be dropped under the certificate that it has issued
    await expect(ca.steps.abort()).rejects.toMatchObject({
      problems: [expect.stringContaining(made.serial)],
    });
    ca.pass(DAY + 60);
    await ca.steps.abort();
    expect([ca.status().phase, bundle(ca)]).toEqual(["idle", before]);
  });

  test("the CRLs of all that are trusted are kept fresh, whichever issues", async () => {
    const ca = await rotatingCa();
    await ca.steps.begin();
    for (let day = 0; day < 10; day += 1) {
      ca.pass(DAY);
      await ca.issue("a");
    }
    const path = join(ca.stateDirectory, "ca/crl.pem");
    const crls = readCrls(systemFiles.read(path, MAX_CRL_FILE), path);
    expect(crls).toHaveLength(4);
    for (const { nextUpdate } of crls) expect(nextUpdate).toBeGreaterThan(ca.platform.clock.now());
  });

  test("who opened the CA before it was dropped cannot issue from it any more", async () => {
    const ca = await rotatingCa();
    const stale = ca.open();
    await ca.steps.begin();
    ca.pass(OVERLAP);
    await ca.steps.switch();
    const issueFromOld = () => issue(ca.platform, stale, testSettings, { name: "late", role: testRole });
    // while it is trusted that is no harm
    await issueFromOld();
    ca.pass(DAY + 60);
    await ca.steps.finish();
    await expect(issueFromOld()).rejects.toMatchObject({ code: "busy" });
    expect(ca.open().inventory.byName("late")).toHaveLength(1);
  });
});

describe("a rotation of the issuing CA", () => {
  test("needs nobody to load anything, and the one before goes when its certificates have", async () => {
    const ca = await rotatingCa();
    const before = bundle(ca);
    const first = await ca.issue("a");
    await ca.steps.intermediate();
    expect([ca.status().phase, bundle(ca)]).toEqual(["intermediate", before]);
    const second = await ca.issue("b");
    expect(readFileSync(second.files.chain, "utf8")).not.toBe(readFileSync(first.files.chain, "utf8"));
    expect([first, second].map((one) => isAccepted(ca, one))).toEqual([true, true]);
    await expect(ca.steps.intermediate()).rejects.toEqual(REFUSED);
    await expect(ca.steps.abort()).rejects.toEqual(REFUSED);
    await expect(ca.steps.finish()).rejects.toMatchObject({
      problems: [expect.stringContaining(first.serial)],
    });
    // a revocation of either is on the published list
    await revoke(ca.platform, ca.open(), testSettings, { target: "a", reason: "superseded" });
    expect(isAccepted(ca, first)).toBe(false);
    await ca.steps.finish();
    expect([ca.status().phase, bundle(ca)]).toEqual(["idle", before]);
    expect(isAccepted(ca, second)).toBe(true);
    expect(existsSync(join(ca.stateDirectory, "ca/1"))).toBe(false);
    // and again, and the root after it
    await ca.steps.intermediate();
    ca.pass(DAY + 60);
    await ca.steps.finish();
    await ca.steps.begin();
    expect(ca.status()).toMatchObject({ phase: "both-trusted", next: { number: 4 } });
  });

  describe("the one that was dropped", () => {
    /** The root's CRL as gateways read it. */
    const rootCrl = (ca: RotatingCa) => {
      const path = join(ca.stateDirectory, "ca/crl.pem");
      const crl = readCrls(systemFiles.read(path, MAX_CRL_FILE), path).at(-1);
      return [...(crl?.revoked ?? [])].map(([serial, { reason }]) => `${serial} ${reason}`);
    };
    const numberOf = (ca: RotatingCa) => {
      const { current, layout } = ca.open();
      const path = join(layout.authorities, String(current.number), "root-crl.pem");
      return readOwnCrl(systemFiles, { path, ca: current.root }).number;
    };
    const dropFirst = async (ca: RotatingCa) => {
      await ca.steps.intermediate();
      ca.pass(DAY + 60);
      await ca.issue("b");
      await ca.steps.finish();
    };

    test("is on its root's CRL from then on, with a number that grows", async () => {
      const ca = await rotatingCa();
      const first = ca.open().current.issuing;
      // whoever has its key issues on
      const stolen = await ca.issue("a", 3 * DAY);
      await ca.steps.intermediate();
      expect([rootCrl(ca), numberOf(ca), isAccepted(ca, stolen)]).toEqual([[], 2, true]);
      await revoke(ca.platform, ca.open(), testSettings, { target: "a", reason: "keyCompromise" });
      const control = await ca.issue("b");
      await ca.steps.finish();
      expect([rootCrl(ca), numberOf(ca)]).toEqual([[`${first.serial} superseded`], 3]);
      expect([stolen, control].map((one) => isAccepted(ca, one))).toEqual([false, true]);

      const second = ca.open().current.issuing;
      await dropFirst(ca);
      const both = [`${first.serial} superseded`, `${second.serial} superseded`];
      expect([rootCrl(ca).toSorted(), numberOf(ca)]).toEqual([both.toSorted(), 5]);
      // a root's rotation has nothing to add
      await ca.steps.begin();
      ca.pass(OVERLAP);
      await ca.steps.switch();
      ca.pass(3 * DAY);
      await ca.steps.finish();
      expect(rootCrl(ca)).toEqual([]);
    });

    test("is put there once the root's key is back, where that was kept elsewhere", async () => {
      const ca = await rotatingCa();
      const first = ca.open().current.issuing;
      await ca.steps.intermediate();
      const key = join(ca.stateDirectory, "ca/2/root-key.pem");
      renameSync(key, `${ca.stateDirectory}.key`);
      await ca.steps.finish();
      expect(rootCrl(ca)).toEqual([]);
      renameSync(`${ca.stateDirectory}.key`, key);
      await ca.steps.intermediate();
      expect(rootCrl(ca)).toEqual([`${first.serial} superseded`]);
    });
  });

  test("is refused where the root ends before it would", async () => {
    const ca = await rotatingCa();
    ca.pass(testSettings.rootTtl - testSettings.issuingTtl + 10);
    await expect(ca.steps.intermediate()).rejects.toEqual(REFUSED);
    expect(ca.status().phase).toBe("idle");
  });

  test("is refused without the root's key, which may be kept elsewhere", async () => {
    const ca = await rotatingCa();
    systemFiles.remove(join(ca.stateDirectory, "ca/1/root-key.pem"));
    await expect(ca.steps.intermediate()).rejects.toMatchObject({ code: "not-found" });
    expect(ca.status().phase).toBe("idle");
  });
});
