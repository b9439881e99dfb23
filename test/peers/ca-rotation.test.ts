import { spawnSync } from "node:child_process";
import { copyFileSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { revoke } from "../../src/pki/revoke.ts";
import { OVERLAP, rotatingCa, type RotatingCa } from "../pki/ca-rotation/rotating-ca.ts";
import { testSettings } from "../support/pki.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";

describeWithEngines(["openssl"], "a rotation of the CA, by openssl verify", ({ openssl }) => {
  /** Whether a relying party with that bundle accepts a certificate, with the CRLs that are published now. */
  const accepts = (ca: RotatingCa, bundle: string, { files }: Awaited<ReturnType<RotatingCa["issue"]>>) => {
    const at = String(Math.floor(ca.platform.clock.now() / 1000));
    const crl = join(ca.stateDirectory, "ca/crl.pem");
    const args = ["-x509_strict", "-purpose", "sslclient", "-attime", at, "-crl_check_all", "-CRLfile", crl];
    const trust = ["-no-CApath", "-no-CAstore", "-CAfile", bundle, "-untrusted", files.chain, files.cert];
    return spawnSync(openssl.path, ["verify", ...args, ...trust], { encoding: "utf8" }).status === 0;
  };

  /** The bundle as it is published now, as a relying party loads it. */
  const loaded = (ca: RotatingCa): string => {
    const copy = join(scratch(), "bundle.pem");
    copyFileSync(join(ca.stateDirectory, "ca/bundle.pem"), copy);
    return copy;
  };

  test("at each phase, those who have loaded the bundle of the phase before accept every certificate", async () => {
    const ca = await rotatingCa();
    const before = loaded(ca);
    const first = await ca.issue("a");
    expect(accepts(ca, before, first)).toBe(true);

    await ca.steps.begin();
    const both = loaded(ca);
    const second = await ca.issue("b");
    for (const bundle of [before, both]) {
      for (const one of [first, second]) expect(accepts(ca, bundle, one)).toBe(true);
    }

    ca.pass(OVERLAP);
    await ca.steps.switch();
    const third = await ca.issue("c");
    for (const one of [first, second, third]) expect(accepts(ca, both, one)).toBe(true);
    // why phase 2 has to wait until nobody has the old bundle alone
    expect(accepts(ca, before, third)).toBe(false);

    ca.pass(86_460);
    const fourth = await ca.issue("c");
    await ca.steps.finish();
    const after = loaded(ca);
    for (const bundle of [both, after]) expect(accepts(ca, bundle, fourth)).toBe(true);
    expect(accepts(ca, before, fourth)).toBe(false);
  });

  test("old certificates that are left would be refused by those who trust the new root alone", async () => {
    const ca = await rotatingCa();
    const first = await ca.issue("a");
    const before = loaded(ca);
    await ca.steps.begin();
    const both = loaded(ca);
    ca.pass(OVERLAP);
    await ca.steps.switch();
    await expect(ca.steps.finish()).rejects.toMatchObject({ code: "refused" });
    const newRoot = join(ca.stateDirectory, "ca/2/root-cert.pem");
    expect(accepts(ca, newRoot, first)).toBe(false);
    expect([before, both].map((bundle) => accepts(ca, bundle, first))).toEqual([true, true]);
  });

  test("a new issuing CA is accepted by those who know the root alone", async () => {
    const ca = await rotatingCa();
    const before = loaded(ca);
    const first = await ca.issue("a");
    const kept = await ca.issue("c", 2 * 86_400);
    await ca.steps.intermediate();
    const second = await ca.issue("b");
    for (const one of [first, second]) expect(accepts(ca, before, one)).toBe(true);
    ca.pass(86_460);
    const third = await ca.issue("b");
    expect(accepts(ca, before, kept)).toBe(true);
    // what the revocation of its last certificate leaves open
    await revoke(ca.platform, ca.open(), testSettings, { target: "c", reason: "superseded" });
    const old = ca.open().trusted[0]?.issuing.serial;
    await ca.steps.finish();
    expect(accepts(ca, before, third)).toBe(true);
    // one that the old issuing CA made does not come back, however long it is valid
    expect(accepts(ca, before, kept)).toBe(false);
    const crl = readFileSync(join(ca.stateDirectory, "ca/crl.pem"), "utf8");
    const ofRoot = crl.slice(crl.lastIndexOf("-----BEGIN"));
    const text = spawnSync(openssl.path, ["crl", "-noout", "-text"], {
      encoding: "utf8",
      input: ofRoot,
    }).stdout;
    expect(text).toMatch(new RegExp(`Serial Number: ${old}\\s[^]*Superseded`));
  });
});
