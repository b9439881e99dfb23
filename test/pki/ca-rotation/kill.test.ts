// @module-tag long
import { cpSync, mkdirSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { isPublished } from "../../../src/pki/published.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { killedAfter } from "../../support/killed-files.ts";
import { scratch } from "../../support/scratch.ts";
import { existingCa, OVERLAP, rotatingCa, type RotatingCa, type StepName } from "./rotating-ca.ts";

/** A copy of a CA in another directory, at the same time. */
function copyOf(ca: RotatingCa): RotatingCa {
  const stateDirectory = join(scratch(), ".fleetsec");
  mkdirSync(stateDirectory);
  cpSync(ca.stateDirectory, stateDirectory, { recursive: true, verbatimSymlinks: true });
  return existingCa(stateDirectory, ca.platform);
}

/** What must hold of a CA whatever was killed when: it issues, and what it has issued is trusted by the bundle. */
async function expectWhole(ca: RotatingCa): Promise<void> {
  const { current, trusted } = ca.open();
  expect(trusted.map(({ number }) => number)).toContain(current.number);
  const roots = systemFiles.readText(join(ca.stateDirectory, "ca/bundle.pem"), 1 << 20);
  const root = systemFiles.readText(
    join(ca.stateDirectory, "ca", String(current.number), "root-cert.pem"),
    1 << 20,
  );
  expect(roots).toContain(root);
  ca.status();
}

interface Case {
  readonly step: StepName;
  /** What came before. */
  readonly after: readonly StepName[];
  /** Where the clock was ahead until then: in seconds. */
  readonly ahead?: number;
  /** The phases that it leads from and to. */
  readonly phases: readonly [string, string];
}

const CASES: readonly Case[] = [
  { step: "begin", after: [], phases: ["idle", "both-trusted"] },
  { step: "switch", after: ["begin"], phases: ["both-trusted", "new-issues"] },
  { step: "finish", after: ["begin", "switch"], phases: ["new-issues", "idle"] },
  { step: "abort", after: ["begin"], phases: ["both-trusted", "idle"] },
  { step: "abort", after: ["begin", "switch"], phases: ["new-issues", "both-trusted"] },
  { step: "intermediate", after: [], phases: ["idle", "intermediate"] },
  { step: "finish", after: ["intermediate"], phases: ["intermediate", "idle"] },
  { step: "abort", after: ["intermediate"], ahead: 10 * OVERLAP, phases: ["intermediate", "idle"] },
];

describe("a rotation of the CA", () => {
  test.each(CASES)(
    "$step after [$after], killed before each of its writes, leaves a CA that works, and can be done again",
    async ({ step, after, ahead = 0, phases }) => {
      const original = await rotatingCa();
      original.pass(ahead);
      for (const before of after) {
        await original.steps[before]();
        original.pass(OVERLAP);
      }
      original.pass(-ahead);
      const done = copyOf(original);
      await done.steps[step]();
      expect(done.status().phase).toBe(phases[1]);

      let kills = 0;
      for (;;) {
        const ca = copyOf(original);
        const { files, isDead } = killedAfter(kills);
        const died = await ca.steps[step]({ ...ca.platform, files }).then(
          () => undefined,
          (error: Error) => error.message,
        );
        if (!isDead()) break;
        expect(died).toBe("killed");
        kills += 1;
        await expectWhole(ca);
        expect(phases).toContain(ca.status().phase);
        const { notBefore } = ca.open().current.issuing;
        const canIssue = notBefore <= ca.platform.clock.now();
        expect(canIssue || ahead > 0).toBe(true);
        if (canIssue) await ca.issue("meanwhile");

        // what was not done is done by the same command; what was, it refuses
        const isThrough = ca.status().phase === phases[1];
        const again = await ca.steps[step]().then(
          () => "done",
          (error: { code: string }) => error.code,
        );
        expect(isThrough ? ["done", "refused"] : ["done"]).toContain(again);
        expect(isPublished(systemFiles, join(ca.stateDirectory, "ca"))).toBe(true);
        await expectWhole(ca);
        // no keys of a CA that was dropped, and nothing half-written
        expect(readdirSync(join(ca.stateDirectory, "ca")).filter((name) => name.endsWith(".tmp"))).toEqual(
          [],
        );
      }
      // each step writes something, or the test has tested nothing
      expect(kills).toBeGreaterThan(0);
    },
  );
});
