import * as fc from "fast-check";
import { expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { signLogs } from "../../../src/logs/sign/sign.ts";
import type { Files } from "../../../src/platform/files.ts";
import type { MemoryTree } from "../../support/memory-files.ts";
import { drawn } from "../../support/soak.ts";
import { batchesOf, modelStore, recordsOf, summaryOf } from "../store-model.ts";
import { rotatingWorld } from "./follow/rotating-world.ts";
import { inMemory, signParts, storeIn } from "./parts.ts";
import { LOG, type Step, steps, writerOf } from "./rotation-script.ts";

/** A step, and after how many operations on files it happens; 99: between two runs. */
const script = fc.array(
  fc.tuple(
    steps.filter(({ kind }) => kind !== "half line" && kind !== "time"),
    fc.oneof(fc.integer({ min: 0, max: 15 }), fc.constant(99)),
  ),
  { maxLength: 30 },
);

/** What went wrong once: each is tried in every run. */
const FOUND: [[Step, number][], number, boolean][] = [
  // gone between its listing and the look at what it is: refused, as if there were no file
  [[[{ kind: "rename", create: true }, 0]], 1, false],
  // a run between the copy and the truncation: signed twice
  [
    [
      [{ kind: "lines", count: 2 }, 99],
      [{ kind: "copytruncate", part: 0.5 }, 98],
    ],
    1,
    true,
  ],
  // a rotated file had another name than it was listed under: what was signed of it was forgotten
  [
    [
      [{ kind: "rename", create: false }, 0],
      [{ kind: "copytruncate", part: 0 }, 99],
      [{ kind: "lines", count: 1 }, 0],
      [{ kind: "rename", create: false }, 99],
      [{ kind: "copytruncate", part: 0 }, 9],
      [{ kind: "lines", count: 1 }, 0],
    ],
    1,
    false,
  ],
];

const KILLED = new FleetsecError("io", "killed");

test("signing a directory again and again signs every line once, however its log is rotated meanwhile", async () => {
  await fc.assert(
    fc.asyncProperty(
      script,
      fc.integer({ min: 1, max: 5 }),
      fc.boolean(),
      async (timeline, maxRecords, known) => {
        const tree: MemoryTree = new Map();
        let [begun, dead] = [false, false];
        const tick = (): void => {
          if (dead) throw KILLED;
          const next = begun ? pending[0] : undefined;
          if (next === undefined || (next.after -= 1) >= 0) return;
          pending.shift();
          next.act();
        };
        const world = rotatingWorld(tree, "/d/logs", tick);
        const writer = writerOf(world, { old: "", keep: 30, signedNow: () => new Set() });
        const die = (): never => {
          dead = true;
          throw KILLED;
        };
        const pending = timeline.flatMap(([step, after]) =>
          (step.kind === "kill" ? [die] : writer.actionsOf(step)).map((act) => ({ after, act })),
        );
        const { files: plain } = world;
        const ticked = <R>(operate: () => R): R => {
          tick();
          return operate();
        };
        const files: Files = {
          ...plain,
          write: (path, data, options) => ticked(() => plain.write(path, data, options)),
          remove: (path) => ticked(() => plain.remove(path)),
        };
        const warnings: string[] = [];
        const onWarning = (text: string) => void warnings.push(text);
        const request = {
          inputs: ["/d/logs"],
          keyFiles: [],
          store: "/d/store",
          interval: 60,
          maxRecords,
          newInput: false,
          follow: false,
          heartbeat: false,
          threads: { count: 1, from: 0 },
        };
        const sign = async () => signLogs(request, signParts({ ...inMemory(tree), files, onWarning }));
        world.write(LOG, "first\n");
        if (known) await sign();
        begun = true;
        while (pending.length > 0) {
          dead = false;
          const ended: unknown = await sign().catch((error: unknown) => error);
          expect(ended === KILLED ? undefined : ended).not.toBeInstanceOf(Error);
          // what did not happen while it ran
          for (let next = pending.shift(); next !== undefined && next.act !== die; next = pending.shift()) {
            dead = false;
            next.act();
            if (pending[0]?.after !== 99) break;
          }
        }
        dead = false;
        await sign();
        const batches = batchesOf(storeIn(tree, "/d"));
        const signed = batches.flatMap(({ data }) => recordsOf(data).map(String));
        expect(signed.toSorted()).toEqual(["first", ...writer.written.map(({ line }) => line)].toSorted());
        const generations = new Map(writer.written.map(({ line, generation }) => [line, generation]));
        for (const generation of new Set(generations.values())) {
          const of = (some: string[]) => some.filter((line) => generations.get(line) === generation);
          expect(of(signed)).toEqual(of(writer.written.map(({ line }) => line)));
        }
        expect(summaryOf(storeIn(tree, "/d"))).toEqual(summaryOf(await modelStore(batches)));
      },
    ),
    { ...drawn(100, 2_000, 20_261_130), examples: FOUND },
  );
});
