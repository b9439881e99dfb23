import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../../../src/errors.ts";
import { batchPath } from "../../../../src/logs/layout.ts";
import { signLogs } from "../../../../src/logs/sign/sign.ts";
import type { Files } from "../../../../src/platform/files.ts";
import type { Clock } from "../../../../src/platform/platform.ts";
import type { MemoryTree } from "../../../support/memory-files.ts";
import { drawn } from "../../../support/soak.ts";
import { batchesOf, modelStore, recordsOf, summaryOf } from "../../store-model.ts";
import { inMemory, signParts, START, storeIn } from "../parts.ts";
import { LOG, type Step, steps, writerOf } from "../rotation-script.ts";
import { rotatingWorld } from "./rotating-world.ts";

/** Together with the step before: the signer is stopped meanwhile. */
const AT_ONCE = -1;
/** A step, and after how many operations on files it happens where the signer is not idle before that. */
const script = fc.array(
  fc.tuple(
    steps,
    fc.oneof(
      fc.integer({ min: 0, max: 12 }),
      fc.integer({ min: 13, max: 98 }),
      fc.constant(99),
      fc.constant(AT_ONCE),
    ),
  ),
  { maxLength: 40 },
);

/** Copies are looked for beside the log alone, and so is what goes on from a file that was compressed. */
const BESIDE: ReadonlySet<Step["kind"]> = new Set(["copytruncate", "compress"]);

/** What is named, and where rotated files are kept. */
const PLACES = {
  "a file": { inputs: ["/d/logs/a.log"], old: "" },
  "a directory": { inputs: ["/d/logs"], old: "" },
  "a directory, and one for rotated files": { inputs: ["/d/logs", "/d/logs/old"], old: "old/" },
};
type Place = keyof typeof PLACES;
const places = fc.constantFrom(...(Object.keys(PLACES) as Place[]));
/** How many rotated files: the next file that is made gets the inode number of the one that is dropped. */
const kept = fc.constantFrom(1, 2, 30);

/** What went wrong once: each is tried in every run. */
const FOUND: [[Step, number][], number, Place, number][] = [
  // rotated by renaming, and not there again when the signer starts: signed twice
  [
    [
      [{ kind: "lines", count: 2 }, 0],
      [{ kind: "rename", create: false }, 0],
      [{ kind: "kill", down: 0 }, 0],
      [{ kind: "time", ms: 1_000 }, 0],
      [{ kind: "lines", count: 1 }, 12],
    ],
    1,
    "a directory",
    30,
  ],
  // two copytruncates with a rename between, all before the signer looked again: signed out of order
  [
    [
      [{ kind: "copytruncate", part: 0 }, 5],
      [{ kind: "lines", count: 3 }, 6],
      [{ kind: "rename", create: true }, 0],
      [{ kind: "half line" }, 0],
      [{ kind: "copytruncate", part: 0 }, 0],
    ],
    1,
    "a file",
    30,
  ],
  // copied and truncated twice, the second time after its files were placed and before they were followed: lost
  [
    [
      [{ kind: "copytruncate", part: 0 }, 7],
      [{ kind: "lines", count: 1 }, 0],
      [{ kind: "copytruncate", part: 0 }, 0],
    ],
    1,
    "a file",
    30,
  ],
  // the same while a line was read by half: the copy in the making, still empty, was taken for that of the line
  [
    [
      [{ kind: "late rename", create: false, count: 1 }, 11],
      [{ kind: "half line" }, 1],
      [{ kind: "copytruncate", part: 0 }, 6],
      [{ kind: "copytruncate", part: 0 }, 0],
    ],
    1,
    "a directory",
    30,
  ],
  // an empty copy from before, beside a file that was begun anew and renamed before it was read: signed out of order
  [
    [
      [{ kind: "copytruncate", part: 0 }, 7],
      [{ kind: "copytruncate", part: 0 }, 2],
      [{ kind: "lines", count: 1 }, 4],
      [{ kind: "late rename", create: true, count: 0 }, 0],
      [{ kind: "half line" }, 0],
      [{ kind: "copytruncate", part: 0 }, 0],
    ],
    1,
    "a file",
    30,
  ],
  // a file that was copied, truncated and renamed while it was read: signed twice
  [
    [
      [{ kind: "rename", create: true }, 0],
      [{ kind: "lines", count: 4 }, 10],
      [{ kind: "half line" }, 1],
      [{ kind: "copytruncate", part: 0 }, 0],
      [{ kind: "rename", create: true }, 0],
    ],
    1,
    "a file",
    30,
  ],
  // renamed between its listing and its opening, it was not seen to be a copy: signed twice
  [
    [
      [{ kind: "lines", count: 2 }, 1],
      [{ kind: "late rename", create: false, count: 2 }, 6],
      [{ kind: "late rename", create: false, count: 3 }, 3],
      [{ kind: "half line" }, 6],
      [{ kind: "copytruncate", part: 0 }, 10],
      [{ kind: "time", ms: 70_000 }, 0],
      [{ kind: "late rename", create: true, count: 1 }, 0],
      [{ kind: "copytruncate", part: 0 }, 4],
    ],
    2,
    "a directory",
    30,
  ],
  // the signer starts after a log that was truncated before was copied, and before it is truncated: signed twice
  [
    [
      [{ kind: "copytruncate", part: 0 }, 99],
      [{ kind: "kill", down: 4 }, 99],
      [{ kind: "lines", count: 1 }, 99],
      [{ kind: "copytruncate", part: 0 }, 99],
    ],
    1,
    "a directory",
    30,
  ],
  // copied into the inode of a file that was read and dropped, and moved on before that was seen: lost
  [
    [
      ...[1, 2, 3].flatMap((): [Step, number][] => [
        [{ kind: "lines", count: 1 }, 99],
        [{ kind: "copytruncate", part: 1 }, 99],
        [{ kind: "time", ms: 1_000 }, 99],
      ]),
      [{ kind: "lines", count: 1 }, 99],
      [{ kind: "copytruncate", part: 1 }, AT_ONCE],
      [{ kind: "lines", count: 1 }, AT_ONCE],
      [{ kind: "copytruncate", part: 1 }, AT_ONCE],
      [{ kind: "lines", count: 1 }, AT_ONCE],
    ],
    1,
    "a file",
    2,
  ],
  // the same where files are renamed, and the dropped one was no longer watched
  [
    [
      [{ kind: "rename", create: true }, 99],
      [{ kind: "lines", count: 1 }, 99],
      [{ kind: "time", ms: 70_000 }, 99],
      [{ kind: "time", ms: 1_000 }, 99],
      [{ kind: "time", ms: 1_000 }, 99],
      [{ kind: "rename", create: true }, 99],
      [{ kind: "lines", count: 1 }, AT_ONCE],
      [{ kind: "rename", create: true }, AT_ONCE],
      [{ kind: "lines", count: 1 }, AT_ONCE],
    ],
    1,
    "a file",
    1,
  ],
  // the file of which something was signed was renamed once more while the signer started: signed twice
  [
    [
      [{ kind: "late rename", create: true, count: 1 }, 99],
      [{ kind: "kill", down: 0 }, 0],
      [{ kind: "lines", count: 2 }, 10],
      [{ kind: "late rename", create: false, count: 0 }, 5],
    ],
    1,
    "a directory, and one for rotated files",
    30,
  ],
  // copied, truncated and renamed before the signer looked again: the copy was signed too
  [
    [
      [{ kind: "copytruncate", part: 0 }, 9],
      [{ kind: "rename", create: true }, AT_ONCE],
    ],
    1,
    "a directory",
    1,
  ],
  // compressed after it was read to its end, with nothing of the next file signed: what came after it was lost
  [
    [
      [{ kind: "late rename", create: false, count: 1 }, 99],
      [{ kind: "late rename", create: false, count: 1 }, AT_ONCE],
      [{ kind: "kill", down: 0 }, AT_ONCE],
      [{ kind: "compress", delay: 0 }, AT_ONCE],
    ],
    1,
    "a file",
    1,
  ],
];

const KILLED = new FleetsecError("io", "killed");

describe("following a log", () => {
  test("signs every line once and in order, however it is rotated and whenever the signer is killed", async () => {
    await fc.assert(
      fc.asyncProperty(
        script,
        fc.integer({ min: 1, max: 5 }),
        places,
        kept,
        async (all, maxRecords, place, keep) => {
          const { inputs, old } = PLACES[place];
          const timeline = old === "" ? all : all.filter(([{ kind }]) => !BESIDE.has(kind));
          const tree: MemoryTree = new Map();
          const late = timeline.some(([step]) => step.kind === "late rename" && step.count > 0);
          const isCompressed = timeline.some(
            ([step]) => step.kind === "compress" || (step.kind === "kill" && step.delay !== undefined),
          );
          const isMixed =
            timeline.some(([step]) => step.kind === "copytruncate") &&
            timeline.some(([step]) => step.kind === "rename" && !step.create);
          let now = START;
          let [dead, idle, down] = [false, 0, 0];
          let delay: number | undefined;
          let begun = false;
          let stop = new AbortController();
          const tick = (): void => {
            if (dead) throw KILLED;
            const next = begun ? pending[0] : undefined;
            if (next !== undefined && (next.after -= 1) < 0) happen();
          };
          const happen = (): void => {
            do pending.shift()?.act();
            while (pending[0]?.after === AT_ONCE);
          };
          const world = rotatingWorld(tree, "/d/logs", tick);
          const recordsIn = (data: Buffer) => recordsOf(data).map(String);
          // in batches under the checkpoint: others may be gone after a kill
          const signedNow = (): ReadonlySet<string> => {
            const there = storeIn(tree, "/d");
            const size = Number(String(there.get("checkpoint")).split("\n")[1]);
            const data = Array.from({ length: size }, (_, seq) => there.get(batchPath(seq)) as Buffer);
            return new Set(data.flatMap(recordsIn));
          };
          const takenNow = (): ReadonlySet<string> => {
            const batches = [...storeIn(tree, "/d")].filter(([path]) => path.startsWith("fleetsec/batch/"));
            return new Set(batches.flatMap(([, data]) => recordsIn(data)));
          };
          // in a directory of its own one that is dropped can leave its name to a file of which nothing is signed:
          // that is refused (docs/logs.md)
          const writer = writerOf(world, {
            old,
            keep: old === "" ? keep : 30,
            signedNow,
            carelessAfter: () => (dead && !isMixed ? takenNow() : undefined),
          });
          /** That no file is there that the signer can know the log by: the newest of which something is signed. */
          const isUnknown = (): boolean => {
            const signed = [...signedNow()];
            const newest = writer.written.findLast(({ line }) => signed.includes(line))?.line ?? "first";
            return [newest, ...(late ? signed.slice(-1) : [])].some((line) => !writer.isThere(line));
          };
          const pending: { after: number; readonly act: () => void }[] = timeline.flatMap(([step, after]) => {
            if (step.kind === "time") return [{ after, act: () => void (now += step.ms) }];
            if (step.kind === "kill") {
              return [
                {
                  after,
                  act: () => {
                    [dead, down, delay] = [true, step.down, step.delay];
                    throw KILLED;
                  },
                },
              ];
            }
            return writer.actionsOf(step).map((act) => ({ after, act }));
          });
          pending.push({ after: 0, act: writer.complete });
          const clock: Clock = {
            now: () => now,
            monotonic: () => now,
            async sleep(ms, signal) {
              signal?.throwIfAborted();
              if (dead) throw KILLED;
              now += ms;
              if (pending.length > 0) happen();
              else if ((idle += 1) > 3) stop.abort(new FleetsecError("terminated", "terminated"));
            },
          };
          const store = inMemory(tree);
          const { files: plain } = world;
          const ticked = <R>(operate: () => R): R => {
            tick();
            return operate();
          };
          const files: Files = {
            ...plain,
            read: (path, maxBytes) => ticked(() => plain.read(path, maxBytes)),
            write: (path, data, options) => ticked(() => plain.write(path, data, options)),
            remove: (path) => ticked(() => plain.remove(path)),
            removeTemporaries: (directory) => ticked(() => plain.removeTemporaries(directory)),
          };
          const request = {
            inputs,
            keyFiles: [],
            store: "/d/store",
            interval: 60,
            maxRecords,
            newInput: false,
            follow: true,
            heartbeat: false,
            threads: { count: 1, from: 0 },
          };
          // what is signed once is known: before that there is nothing to tell a rotated file by
          world.write(LOG, "first\n");
          if (old !== "") world.write(`${old}other`, "");
          await signLogs(
            { ...request, inputs: ["/d/logs/a.log"], follow: false },
            signParts({ ...store, clock, files: world.files }),
          );
          begun = true;
          const warnings: string[] = [];
          const sign = async () =>
            signLogs(
              request,
              signParts({
                ...store,
                clock,
                files,
                signal: stop.signal,
                onWarning: (text) => warnings.push(text),
              }),
            );
          let ended: unknown = KILLED;
          while (ended === KILLED) {
            [dead, idle, stop] = [false, 0, new AbortController()];
            ended = await sign().catch((error: unknown) => error);
            world.kill();
            for (; down > 0; down -= 1) {
              dead = true;
              try {
                pending.shift()?.act();
              } catch (error) {
                if (error !== KILLED) throw error;
              }
            }
            dead = true;
            if (delay !== undefined && old === "") writer.compress(delay);
            delay = undefined;
          }
          const isRefused = isCompressed && ended instanceof FleetsecError && ended.code === "input";
          expect(ended instanceof Error && !isRefused ? ended : undefined).toBeUndefined();
          expect(isRefused && isUnknown()).toBe(isRefused);
          expect(isCompressed ? [] : warnings).toEqual([]);
          const batches = batchesOf(storeIn(tree, "/d"));
          const signed = batches.flatMap(({ data }) => recordsIn(data));
          expect(summaryOf(storeIn(tree, "/d"))).toEqual(summaryOf(await modelStore(batches)));
          expect(signed).toEqual([...new Set(signed)]);
          if (isRefused) return;
          const lines = ["first", ...writer.written.map(({ line }) => line)];
          // lines that come late into a file that was rotated away have no order with those of the next one, nor
          // have those of two directories, or of copies of files between which there was none (docs/logs.md)
          const order = (some: string[]) => (late || isMixed || old !== "" ? some.toSorted() : some);
          expect(order(signed)).toEqual(order(lines));
          const generations = new Map(writer.written.map(({ line, generation }) => [line, generation]));
          for (const generation of new Set(generations.values())) {
            const of = (some: string[]) => some.filter((line) => generations.get(line) === generation);
            expect(of(signed)).toEqual(of(lines));
          }
        },
      ),
      { ...drawn(50, 1_000, 20_261_123), examples: FOUND },
    );
  });
});
