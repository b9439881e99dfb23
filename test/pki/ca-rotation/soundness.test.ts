// @module-tag long
import { cpSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { nextStep } from "../../../src/pki/ca-rotation/next-step.ts";
import { revoke } from "../../../src/pki/revoke.ts";
import { soundnessOfAll } from "../../../src/pki/soundness.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { testSettings } from "../../support/pki.ts";
import { scratch } from "../../support/scratch.ts";
import { existingCa, OVERLAP, rotatingCa, type RotatingCa } from "./rotating-ca.ts";

const REFUSED = expect.objectContaining({ code: "refused" });
const DAY = 86_400;

const fileOf = ({ stateDirectory }: RotatingCa, ...path: string[]) => join(stateDirectory, "ca", ...path);

function copy(from: RotatingCa, generation: string, to: RotatingCa, names: readonly string[]): void {
  for (const name of names) cpSync(fileOf(from, generation, name), fileOf(to, "2", name));
}

/** A CA whose CRL has another number than a new one's. */
async function usedCa(): Promise<RotatingCa> {
  const ca = await rotatingCa();
  await ca.issue("lost");
  await revoke(ca.platform, ca.open(), testSettings, { target: "lost", reason: "keyCompromise" });
  return ca;
}

/** What `ca rotate status` says comes next. */
function next(ca: RotatingCa, isLoaded = true) {
  const situation = {
    files: systemFiles,
    authority: ca.open(),
    status: ca.status(),
    now: ca.platform.clock.now(),
  };
  return nextStep(situation, { overlap: OVERLAP, isLoaded });
}

/** What `ca show` says is wrong. */
async function faults(ca: RotatingCa): Promise<string[]> {
  const found = await soundnessOfAll(systemFiles, ca.open(), ca.platform.clock.now());
  return found.faults.map(({ message }) => message);
}

/** A copy of the files, to put them back. */
function keep(ca: RotatingCa): () => void {
  const kept = join(scratch(), "2");
  cpSync(fileOf(ca, "2"), kept, { recursive: true });
  return () => cpSync(kept, fileOf(ca, "2"), { recursive: true });
}

const seen = (ca: RotatingCa) => [
  readlinkSync(fileOf(ca, "current")),
  readFileSync(fileOf(ca, "bundle.pem"), "utf8"),
];

/** How the new CA, `ca/2`, may be damaged, and what names it. */
const DAMAGES: readonly (readonly [string, (ca: RotatingCa, other: RotatingCa) => void, RegExp])[] = [
  [
    "its issuing key gone",
    (ca) => systemFiles.remove(fileOf(ca, "2/issuing-key.pem")),
    /issuing-key\.pem does not exist/,
  ],
  ["the issuing key of the old CA", (ca) => copy(ca, "1", ca, ["issuing-key.pem"]), /not the key/],
  ["the root key of the old CA", (ca) => copy(ca, "1", ca, ["root-key.pem"]), /not the key/],
  [
    "the issuing CA of the old one",
    (ca) => copy(ca, "1", ca, ["issuing-cert.pem", "issuing-crl.pem", "issuing-key.pem"]),
    /issuing-cert\.pem, held to the root, is issued by/,
  ],
  [
    "the root of another project",
    (ca, other) => copy(other, "1", ca, ["root-cert.pem", "root-crl.pem"]),
    /issuing-cert\.pem, held to the root, is issued by/,
  ],
  [
    "the root's CRL of another project",
    (ca, other) => copy(other, "1", ca, ["root-crl.pem"]),
    /root-crl\.pem is no CRL/,
  ],
  [
    "its issuing certificate in place of the root's",
    (ca) => cpSync(fileOf(ca, "2/issuing-cert.pem"), fileOf(ca, "2/root-cert.pem")),
    /root-crl\.pem is no CRL/,
  ],
  [
    "all of another project's CA",
    (ca, other) => cpSync(fileOf(other, "1"), fileOf(ca, "2"), { recursive: true }),
    /not the CA that fleetsec ca rotate begin made/,
  ],
];

describe("a new CA that is not whole", () => {
  test.each(DAMAGES)(
    "with %s does not issue; abort drops it, and put back it issues",
    async (_, damage, why) => {
      const ca = await usedCa();
      const other = await rotatingCa();
      const before = seen(ca);
      await ca.steps.begin();
      ca.pass(OVERLAP);
      const [restore, both] = [keep(ca), seen(ca)];
      damage(ca, other);
      expect(await faults(ca)).toContainEqual(expect.stringMatching(why));
      expect(await next(ca)).toMatchObject({ refusal: { message: expect.stringMatching(why) } });
      await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
      expect(seen(ca)).toEqual(both);

      const aborted = copyOf(ca);
      await aborted.steps.abort();
      expect([aborted.status().phase, seen(aborted)]).toEqual(["idle", before]);

      restore();
      expect([await faults(ca), await next(ca)]).toEqual([[], { command: "switch", refusal: undefined }]);
      await ca.steps.switch();
      expect(ca.open().current.number).toBe(2);
    },
  );

  test.each(DAMAGES)("with %s does not become the only one", async (_, damage, why) => {
    const ca = await usedCa();
    const other = await rotatingCa();
    await ca.steps.begin();
    ca.pass(OVERLAP);
    await ca.steps.switch();
    ca.pass(DAY);
    const [restore, both] = [keep(ca), seen(ca)];
    damage(ca, other);
    expect(await next(ca)).toMatchObject({ refusal: { message: expect.stringMatching(why) } });
    await expect(ca.steps.finish()).rejects.toEqual(REFUSED);
    expect([seen(ca), systemFiles.kind(fileOf(ca, "1/issuing-key.pem"))]).toEqual([both, "file"]);
    restore();
    expect(await next(ca)).toEqual({ command: "finish", refusal: undefined });
    await ca.steps.finish();
    await ca.issue("a");
  });

  test.each(["without a record", "with the record of another"])(
    "of another project, %s, is not taken for the one that begin made",
    async (how) => {
      const ca = await usedCa();
      const other = await rotatingCa();
      await ca.steps.begin();
      const record = fileOf(ca, "rotation.json");
      const [restore, both, kept] = [keep(ca), seen(ca), readFileSync(record, "utf8")];
      const spoil = () =>
        how === "without a record"
          ? systemFiles.remove(record)
          : systemFiles.write(record, JSON.stringify({ ...JSON.parse(kept), to: 9 }));
      spoil();
      cpSync(fileOf(other, "1"), fileOf(ca, "2"), { recursive: true });
      const why = expect.stringMatching(/nothing shows that .*\/2 is the CA/);
      await expect(ca.steps.begin()).rejects.toMatchObject({ code: "state", message: why });
      await expect(ca.steps.switch()).rejects.toEqual(REFUSED);
      await expect(ca.steps.finish()).rejects.toEqual(REFUSED);
      expect(await faults(ca)).toEqual([why]);
      expect(await next(ca)).toMatchObject({ command: "begin", refusal: { message: why } });
      expect(seen(ca)).toEqual(both);

      const aborted = copyOf(ca);
      await aborted.steps.abort();
      expect(aborted.status().phase).toBe("idle");
      // its own, which gateways have read, is known without a record
      restore();
      expect(await next(ca)).toEqual({ command: "begin", refusal: undefined });
      await ca.steps.begin();
      ca.pass(OVERLAP);
      await ca.steps.switch();
      expect(ca.open().current.number).toBe(2);
    },
  );

  test("with the old root in place of its own, it is neither put in charge nor left alone", async () => {
    const ca = await rotatingCa();
    await ca.steps.begin();
    ca.pass(OVERLAP);
    const [restore, both] = [keep(ca), seen(ca)];
    copy(ca, "1", ca, ["root-cert.pem", "root-crl.pem"]);
    for (const step of ["switch", "finish", "abort"] as const)
      await expect(ca.steps[step]()).rejects.toEqual(REFUSED);
    expect((await next(ca))?.refusal?.message).toMatch(/issuing-cert\.pem, held to the root/);
    expect(seen(ca)).toEqual(both);
    restore();
    await ca.steps.switch();
    copy(ca, "1", ca, ["root-cert.pem"]);
    await expect(ca.steps.finish()).rejects.toEqual(REFUSED);
    expect((await next(ca))?.refusal?.message).toMatch(/root-crl\.pem is no CRL/);
  });

  test("with a foreign root, that root is not published by what issues", async () => {
    const ca = await rotatingCa();
    const other = await rotatingCa();
    await ca.steps.begin();
    const [restore, both] = [keep(ca), seen(ca)];
    copy(other, "1", ca, ["root-cert.pem", "root-crl.pem"]);
    await expect(ca.issue("a")).rejects.toMatchObject({ code: "state" });
    expect(seen(ca)).toEqual(both);
    restore();
    await ca.issue("a");
  });
});

describe("an old CA that is not whole", () => {
  test("does not issue again, and does not keep the new one from being the only one", async () => {
    const ca = await rotatingCa();
    await ca.steps.begin();
    ca.pass(OVERLAP);
    await ca.steps.switch();
    const key = readFileSync(fileOf(ca, "1/issuing-key.pem"));
    systemFiles.remove(fileOf(ca, "1/issuing-key.pem"));
    await expect(ca.steps.abort()).rejects.toEqual(REFUSED);
    expect(ca.open().current.number).toBe(2);
    const mended = copyOf(ca);
    systemFiles.write(fileOf(mended, "1/issuing-key.pem"), key, { mode: 0o600 });
    await mended.steps.abort();
    expect(mended.open().current.number).toBe(1);

    cpSync(fileOf(ca, "2/root-crl.pem"), fileOf(ca, "1/root-crl.pem"));
    expect(await next(ca)).toEqual({ command: "finish", refusal: undefined });
    await ca.steps.finish();
    expect(ca.status().phase).toBe("idle");
    await ca.issue("a");
  });
});

test("a certificate is not issued below a root that is not its CA's", async () => {
  const ca = await rotatingCa();
  const other = await rotatingCa();
  await ca.issue("a");
  for (const name of ["root-cert.pem", "root-crl.pem"])
    cpSync(fileOf(other, "1", name), fileOf(ca, "1", name));
  await expect(ca.issue("b")).rejects.toMatchObject({
    code: "state",
    message: expect.stringContaining("no CA: issuing-cert.pem, held to the root"),
  });
  expect(ca.open().inventory.byName("b")).toEqual([]);
});

/** A copy of a CA in another directory, at the same time. */
function copyOf(ca: RotatingCa): RotatingCa {
  const stateDirectory = join(scratch(), ".fleetsec");
  cpSync(ca.stateDirectory, stateDirectory, { recursive: true, verbatimSymlinks: true });
  return existingCa(stateDirectory, ca.platform);
}
