import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../../../src/errors.ts";
import { type SignRequest, signLogs, type SignParts } from "../../../../src/logs/sign/sign.ts";
import type { Clock } from "../../../../src/platform/platform.ts";
import type { MemoryTree } from "../../../support/memory-files.ts";
import { batchesOf, modelStore, recordsOf, summaryOf } from "../../store-model.ts";
import { inMemory, signParts, START, stdinOf, storeIn } from "../parts.ts";
import { type RotatingWorld, rotatingWorld } from "./rotating-world.ts";

/** A directory of logs and a signer that follows them; what happens, happens while it sleeps. */
function scene() {
  const tree: MemoryTree = new Map();
  const world = rotatingWorld(tree, "/d/logs", () => {});
  let now = START;
  const warnings: string[] = [];
  const time = (ms: number) => () => void (now += ms);

  /** Follows `inputs` while one action after the other happens; then it is asked to end. */
  const follow = async (
    inputs: readonly string[],
    actions: readonly (() => void)[],
    overrides: Partial<SignRequest> & Partial<SignParts> = {},
  ) => {
    const {
      interval = 60,
      maxRecords = 1000,
      newInput = false,
      heartbeat = false,
      keyFiles = [],
      ...parts
    } = overrides;
    const stop = new AbortController();
    const left = [...actions];
    const clock: Clock = {
      now: () => now,
      monotonic: () => now,
      async sleep(ms, signal) {
        signal?.throwIfAborted();
        now += ms;
        const next = left.shift();
        if (next === undefined) stop.abort(new FleetsecError("terminated", "terminated"));
        else next();
        // what a stream gives arrives
        await new Promise((resolve) => setImmediate(resolve));
      },
    };
    const request: SignRequest = {
      inputs: inputs.map((input) => (input === "-" ? input : `/d/${input}`)),
      keyFiles,
      store: "/d/store",
      interval,
      maxRecords,
      newInput,
      heartbeat,
      follow: true,
      threads: { count: 1, from: 0 },
    };
    const onWarning = (text: string) => void warnings.push(text);
    return signLogs(
      request,
      signParts({ ...inMemory(tree), files: world.files, clock, signal: stop.signal, onWarning, ...parts }),
    );
  };

  const batches = () => batchesOf(storeIn(tree, "/d"));
  return {
    world,
    tree,
    time,
    warnings,
    follow,
    batches,
    records: () => batches().flatMap(({ data }) => recordsOf(data).map(String)),
    sizes: () => batches().map(({ data }) => recordsOf(data).length),
  };
}

const lines = (world: RotatingWorld, name: string, text: string) => () => world.write(name, text);
const nothing = () => {};

/** Signs what is there, once. */
async function signToEnd(tree: MemoryTree, world: RotatingWorld, inputs: readonly string[]) {
  const request: SignRequest = {
    inputs,
    keyFiles: [],
    store: "/d/store",
    interval: 60,
    maxRecords: 1000,
    newInput: false,
    heartbeat: false,
    follow: false,
    threads: { count: 1, from: 0 },
  };
  return signLogs(request, signParts({ ...inMemory(tree), files: world.files }));
}

describe("logs sign --follow", () => {
  test("closes batches by time and by count", async () => {
    const { world, follow, time, sizes } = scene();
    await follow(
      ["logs/a.log"],
      [
        lines(world, "a.log", "1\n2\n3\n4\n5\n"),
        time(59_000),
        lines(world, "a.log", "6\n"),
        time(60_000),
        nothing,
      ],
      { maxRecords: 2 },
    );
    expect(sizes()).toEqual([2, 2, 2]);
  });

  test("signs what was written when it is asked to end, and leaves the beginning of a line", async () => {
    const { world, follow, records } = scene();
    const result = await follow(["logs/a.log"], [lines(world, "a.log", "1\n2\nhal"), nothing]);
    expect(result).toMatchObject({ size: 1, signed: { records: 2 } });
    await follow(["logs/a.log"], [lines(world, "a.log", "f\n")]);
    expect(records()).toEqual(["1", "2", "half"]);
  });

  test("is told to end in the middle of a backlog, and leaves what is beyond 64 batches of each log", async () => {
    const { world, follow, records } = scene();
    const backlog = Array.from({ length: 400 }, (_, n) => `${n}`);
    for (const name of ["a.log", "b.log"]) world.write(name, backlog.map((line) => `${line}\n`).join(""));
    const stop = new AbortController();
    let now = START;
    const clock: Clock = {
      now: () => now,
      monotonic: () => (now += 1),
      sleep: async () => new Promise((resolve) => void setImmediate(resolve)),
    };
    setImmediate(() => stop.abort(new FleetsecError("terminated", "terminated")));
    await follow(["logs"], [], { maxRecords: 1, clock, signal: stop.signal });
    expect(records().length).toBeGreaterThanOrEqual(2 * 64);
    expect(records().length).toBeLessThan(400);
    await follow(["logs"], [nothing]);
    expect(records().toSorted()).toEqual([...backlog, ...backlog].toSorted());
  });

  test("signs nothing that is written after it was asked to end", async () => {
    const { world, follow, records } = scene();
    const stop = new AbortController();
    /** Whoever writes goes on while batches are published. */
    const write: typeof world.files.write = (path, ...rest) => {
      if (stop.signal.aborted) for (const name of ["a.log", "new.log"]) world.write(name, "late\n");
      world.files.write(path, ...rest);
    };
    const end = () => {
      world.write("a.log", "2\n3\n4\n");
      world.rename("a.log", "a.log.1");
      world.write("a.log", "5\n6\nbeginning");
      world.write("b.log", "7\n8\n");
      stop.abort(new FleetsecError("terminated", "terminated"));
    };
    world.write("a.log", "1\n");
    world.write("b.log", "b\n");
    await follow(["logs/a.log", "logs/b.log"], [nothing, nothing, end], {
      files: { ...world.files, write },
      signal: stop.signal,
      maxRecords: 1,
    });
    expect(records().toSorted()).toEqual(["1", "2", "3", "4", "5", "6", "7", "8", "b"]);
    await follow(["logs/a.log", "logs/b.log"], [nothing, nothing]);
    const late = world.text("a.log").trimEnd().split("\n").slice(3);
    expect(records().slice(9)).toEqual(["beginninglate", ...late]);
    expect(late.length).toBeGreaterThan(5);
  });

  test.each([[["logs/a.log", "logs"]], [["logs", "logs/a.log"]], [["logs/a.log", "logs/hard.log"]]])(
    "signs the lines of a file once that is named as %j",
    async (inputs) => {
      const { world, follow, records, warnings } = scene();
      world.write("a.log", "1\n");
      world.link("a.log", "hard.log");
      const rotate = () => {
        world.rename("a.log", "a.log.1");
        world.write("a.log", "3\n");
      };
      // what comes under that name later is another file
      const replace = () => {
        world.remove("hard.log");
        world.write("hard.log", "4\n");
      };
      const add = lines(world, "a.log", "2\n");
      await follow(inputs, [nothing, add, nothing, rotate, nothing, nothing, replace, nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4"]);
      expect(warnings).toEqual([
        "/d/logs/hard.log is /d/logs/a.log under another name: its lines are taken once",
      ]);
      await follow(inputs, [nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4"]);
    },
  );

  test("a directory brings the rotated files of a log that is named beside it", async () => {
    const { world, follow, records } = scene();
    world.write("a.log.1", "1\n");
    world.write("a.log", "2\n");
    await follow(["logs/a.log", "logs"], [nothing, nothing]);
    expect(records()).toEqual(["1", "2"]);
  });

  describe("killed before its first batch", () => {
    /** Two rounds, of which nothing is signed. */
    const killed = async ({ world, follow }: ReturnType<typeof scene>, inputs = ["logs/a.log"]) => {
      const write: typeof world.files.write = (path, ...rest) => {
        if (path.startsWith("/d/store/")) throw new Error("killed");
        world.files.write(path, ...rest);
      };
      const files = { ...world.files, write };
      await expect(follow(inputs, [nothing, nothing], { files })).rejects.toThrow("killed");
    };

    test("a log is known from the first line that was read of it", async () => {
      for (const isKilled of [true, false]) {
        const at = scene();
        const { world, follow, records } = at;
        const rotate = () => {
          for (const n of [2, 1]) if (world.has(`a.log.${n}`)) world.rename(`a.log.${n}`, `a.log.${n + 1}`);
          world.rename("a.log", "a.log.1");
        };
        // what was there before the first run is none of it
        world.write("a.log.1", "0\n");
        world.write("a.log", "1\n2\n");
        if (isKilled) await killed(at);
        rotate();
        world.write("a.log", "3\n");
        if (isKilled) await killed(at);
        rotate();
        world.write("a.log", "4\n");
        for (const _ of [1, 2]) await follow(["logs/a.log"], [nothing, nothing]);
        expect(records()).toEqual(isKilled ? ["1", "2", "3", "4"] : ["4"]);
      }
    });

    test("goes on in the copy where the log was copied and truncated, once and again", async () => {
      const at = scene();
      const { world, follow, records, warnings } = at;
      const rotate = () => {
        if (world.has("a.log.1")) world.rename("a.log.1", "a.log.2");
        world.copy("a.log", "a.log.1", 1);
        world.truncate("a.log");
      };
      world.write("a.log.1", "0\n");
      world.write("a.log", "1\n2\n");
      await killed(at);
      rotate();
      world.write("a.log", "3\n");
      await killed(at);
      world.write("a.log", "4\n");
      for (const _ of [1, 2]) await follow(["logs/a.log"], [nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4"]);
      expect(warnings).toEqual([expect.stringMatching(/ is left out: \/d\/logs\/a\.log\.1\. /)]);
    });

    test("many logs are noted in one write, before any of their lines is signed", async () => {
      const { world, follow, records } = scene();
      const names = Array.from({ length: 50 }, (_, n) => `a${n}.log`);
      for (const name of names) world.write(name, `${name}\n`);
      const written: string[] = [];
      /** How many of them there were at each write of what is signed. */
      const noted = new Set<number>();
      const write: typeof world.files.write = (path, ...rest) => {
        if (path.endsWith("/begun.json")) written.push(String(rest[0]));
        if (path.startsWith("/d/store/")) noted.add(written.length);
        world.files.write(path, ...rest);
      };
      await follow(["logs"], [nothing, nothing], { files: { ...world.files, write } });
      expect(records().toSorted()).toEqual(names.toSorted());
      expect([...noted]).toEqual([1]);
      for (const name of names) expect(written[0]).toContain(`/d/logs/${name}"`);
    });

    test("a batch is closed after its interval though one look at all logs takes longer", async () => {
      const { world, time, follow, batches } = scene();
      const names = Array.from({ length: 50 }, (_, n) => `a${n}.log`);
      for (const name of names) world.write(name, `${name}\n`);
      // every file takes its time to be opened again
      const open: typeof world.files.open = (path, ...rest) => {
        const file = world.files.open(path, ...rest);
        return {
          ...file,
          read(...args) {
            if (path.startsWith("/d/logs/")) time(100)();
            return file.read(...args);
          },
        };
      };
      await follow(["logs"], [nothing, nothing], { interval: 2, files: { ...world.files, open } });
      const [one] = batches();
      expect(one?.data.toString().split("\n").length).toBeLessThan(40);
      expect(batches().length).toBeGreaterThan(1);
    });

    test("a copy beside a log that goes on is none of it", async () => {
      const at = scene();
      const { world, follow, records } = at;
      world.write("a.log", "1\n2\n");
      await killed(at);
      world.copy("a.log", "a.log.1", 1);
      world.write("a.log", "3\n");
      for (const _ of [1, 2]) await follow(["logs/a.log"], [nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3"]);
    });

    test.each([
      ["rotated away and removed", (world: RotatingWorld) => world.remove("a.log")],
      ["truncated without a copy", (world: RotatingWorld) => world.truncate("a.log")],
      [
        "compressed",
        (world: RotatingWorld) => {
          world.rename("a.log", "a.log.1.gz");
        },
      ],
    ])("is refused where what it began with is %s", async (_, lose) => {
      for (const input of ["logs/a.log", "logs"]) {
        const at = scene();
        const { world, follow, records } = at;
        world.write("a.log", "1\n2\n");
        await killed(at, [input]);
        lose(world);
        world.write("a.log", "3\n");
        await expect(follow([input], [nothing, nothing])).rejects.toMatchObject({
          code: "input",
          message: expect.stringContaining("goes on from what an earlier run began with") as string,
          hint: expect.stringContaining("--new-input") as string,
        });
        expect(records()).toEqual([]);
        await follow([input], [nothing, nothing], { newInput: true });
        expect(records()).toEqual(["3"]);
      }
    });
  });

  describe("a log that was rotated away, and is not there again", () => {
    const rotations: readonly [string, (world: RotatingWorld) => void][] = [
      ["by number", (world) => world.rename("a.log", "a.log.1")],
      ["by date", (world) => world.rename("a.log", "a.log-20261130")],
      [
        "twice",
        (world) => {
          world.rename("a.log", "a.log.2");
          world.write("a.log.1", "2b\n");
        },
      ],
    ];

    test.each(rotations)("%s, goes on where it was signed", async (how, rotate) => {
      for (const first of ["followed", "signed to its end"]) {
        const { world, tree, follow, records } = scene();
        world.write("a.log", "1\n2\n");
        if (first === "followed") await follow(["logs"], [nothing, nothing]);
        else await signToEnd(tree, world, ["/d/logs"]);
        rotate(world);
        const expected = how === "twice" ? ["1", "2", "2b"] : ["1", "2"];
        for (const _ of [1, 2]) await follow(["logs"], [nothing, nothing]);
        expect(records()).toEqual(expected);
        const back = lines(world, "a.log", "3\n");
        await follow(["logs"], [nothing, back, nothing, nothing]);
        await follow(["logs"], [nothing, nothing]);
        expect(records()).toEqual([...expected, "3"]);
      }
    });

    test("is known from its first line, where a run was killed before its first batch", async () => {
      const { world, follow, records } = scene();
      world.write("a.log", "1\n2\n");
      const write: typeof world.files.write = (path, ...rest) => {
        if (path.startsWith("/d/store/")) throw new Error("killed");
        world.files.write(path, ...rest);
      };
      const files = { ...world.files, write };
      await expect(follow(["logs"], [nothing, nothing], { files })).rejects.toThrow("killed");
      world.rename("a.log", "a.log.2");
      world.write("a.log.1", "3\n");
      await follow(["logs"], [nothing, lines(world, "a.log", "4\n"), nothing, nothing]);
      await follow(["logs"], [nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4"]);
    });

    test("is refused where none of its rotated files goes on from what is signed", async () => {
      const { world, follow, records } = scene();
      world.write("a.log", "1\n2\n");
      await follow(["logs"], [nothing, nothing]);
      world.remove("a.log");
      world.write("a.log.1", "9\n");
      await expect(follow(["logs"], [nothing])).rejects.toMatchObject({ code: "input" });
      await follow(["logs"], [nothing, nothing], { newInput: true });
      expect(records()).toEqual(["1", "2", "9"]);
    });

    test("keeps its lines apart from those of a file that was taken for a log before it came", async () => {
      const { world, follow, records, time } = scene();
      world.write("a.log.1", "1\n");
      const rotate = () => {
        for (const n of [2, 1]) if (world.has(`a.log.${n}`)) world.rename(`a.log.${n}`, `a.log.${n + 1}`);
        world.rename("a.log", "a.log.1");
      };
      const rest = [nothing, time(61_000), nothing, time(11_000), nothing, nothing];
      await follow(
        ["logs"],
        [nothing, lines(world, "a.log", "2\n"), nothing, rotate, lines(world, "a.log", "3\n"), ...rest],
      );
      rotate();
      world.write("a.log", "4\n");
      for (const _ of [1, 2]) await follow(["logs"], [nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4"]);
    });
  });

  describe("a file that was moved", () => {
    const moves: readonly [string, readonly string[], (world: RotatingWorld) => void][] = [
      ["to another directory", ["logs/x", "logs/y"], (world) => world.rename("x/a.log", "y/a.log.1")],
      ["there, as if it were a log's", ["logs/y", "logs/x"], (world) => world.rename("x/a.log", "y/b.log.1")],
      ["to another name", ["logs/x", "logs/y"], (world) => world.rename("x/a.log", "x/old")],
    ];

    describe.each(moves)("%s", (_how, inputs, move) => {
      const begin = () => {
        const at = scene();
        at.world.write("x/a.log", "1\n2\n");
        at.world.write("x/c.log", "c\n");
        at.world.write("y/b.log", "b\n");
        return at;
      };
      const all = ["1", "2", "3", "b", "c"];

      test.each(["followed", "signed to its end"])(
        "while nobody signed, goes on there: it was %s before",
        async (before) => {
          for (const isBack of [false, true]) {
            const { world, tree, follow, records } = begin();
            if (before === "followed") await follow(inputs, [nothing, nothing]);
            else await signToEnd(tree, world, ["/d/logs/x", "/d/logs/y"]);
            world.write("x/a.log", "3\n");
            move(world);
            if (isBack) world.write("x/a.log", "4\n");
            for (const _ of [1, 2]) await follow(inputs, [nothing, nothing]);
            expect(records().toSorted()).toEqual([...all, ...(isBack ? ["4"] : [])].toSorted());
          }
        },
      );

      test("while it is followed, is signed once, however long it stays there", async () => {
        const { world, follow, records, time } = begin();
        const add = lines(world, "x/a.log", "3\n");
        const back = lines(world, "x/a.log", "4\n");
        const later = [nothing, time(61_000), nothing, time(11_000), nothing, nothing];
        await follow(inputs, [nothing, add, () => move(world), nothing, back, ...later, ...later]);
        expect(records().toSorted()).toEqual(["1", "2", "3", "4", "b", "c"]);
        for (const _ of [1, 2]) await follow(inputs, [nothing, nothing]);
        expect(records().toSorted()).toEqual(["1", "2", "3", "4", "b", "c"]);
      });
    });

    test("after a run that was killed before it signed any of it, is no loss for the log that comes to its old name", async () => {
      const { world, follow, records } = scene();
      world.write("x/a.log", "1\n");
      world.write("y/b.log", "b\n");
      const write: typeof world.files.write = (path, ...rest) => {
        if (path.startsWith("/d/store/")) throw new Error("killed");
        world.files.write(path, ...rest);
      };
      const killed = follow(["logs/x", "logs/y"], [nothing, nothing], { files: { ...world.files, write } });
      await expect(killed).rejects.toThrow("killed");
      world.write("x/c.log", "c\n");
      world.rename("x/a.log", "y/a.log.1");
      await follow(["logs/x", "logs/y"], [nothing, lines(world, "x/a.log", "2\n"), nothing, nothing]);
      expect(records().toSorted()).toEqual(["1", "2", "b", "c"]);
    });

    test("again and again, each to the next name, is signed once", async () => {
      const { world, follow, records, time } = scene();
      const rotate = () => {
        for (const n of [4, 3, 2, 1]) {
          if (world.has(`y/a.log.${n}`)) world.rename(`y/a.log.${n}`, `y/a.log.${n + 1}`);
        }
        world.rename("x/a.log", "y/a.log.1");
      };
      world.write("y/other", "o\n");
      const expected = ["o"];
      for (let n = 0; n < 5; n += 1) {
        expected.push(`${n}`);
        world.write("x/a.log", `${n}\n`);
        const wait = n % 2 === 0 ? [nothing, time(61_000), nothing, time(11_000), nothing, nothing] : [];
        const next = lines(world, "x/a.log", `${n} after\n`);
        await follow(["logs/x", "logs/y"], [nothing, rotate, nothing, next, nothing, ...wait]);
        expected.push(`${n} after`);
        expect(records().toSorted()).toEqual(expected.toSorted());
      }
    });

    test.each([
      [1, "while it is followed"],
      [2, "while it is followed"],
      [1, "while nobody signs"],
      [2, "while nobody signs"],
    ])("is no loss where rotation keeps %i in another directory, %s", async (keep, when) => {
      const { world, follow, records, time } = scene();
      const expected = ["other", "0"];
      const rotate = () => {
        for (let n = keep; n > 0; n -= 1) {
          const name = `old/a.log.${n}`;
          if (world.has(name) && n === keep) world.remove(name);
          else if (world.has(name)) world.rename(name, `old/a.log.${n + 1}`);
        }
        world.rename("a.log", "old/a.log.1");
        expected.push(`${expected.length - 1}`);
        world.write("a.log", `${expected.at(-1)}\n`);
      };
      world.write("old/other", "other\n");
      world.write("a.log", "0\n");
      const quiet = [nothing, nothing, time(61_000), nothing, nothing, time(11_000), nothing, nothing];
      for (const _ of [1, 2, 3, 4]) {
        const rotations = when === "while nobody signs" ? [] : [rotate, ...quiet, rotate, ...quiet];
        await follow(["logs", "logs/old"], [...quiet, ...rotations]);
        expect(records().toSorted()).toEqual(expected.toSorted());
        if (rotations.length === 0) rotate();
      }
    });

    test.each([0, 61_000])(
      "away and back to its name after %i ms, goes on where it was signed",
      async (ms) => {
        const { world, follow, records, time } = scene();
        const wait = [time(ms), nothing, nothing];
        world.write("a.log", "1\n");
        const away = () => {
          world.rename("a.log", "a.log.1");
          world.write("a.log", "2\n");
        };
        const back = () => {
          world.remove("a.log");
          world.rename("a.log.1", "a.log");
          world.write("a.log", "3\n");
        };
        const quiet = [time(61_000), nothing, nothing];
        await follow(["logs"], [nothing, away, nothing, nothing, ...wait, back, nothing, ...quiet]);
        expect(records()).toEqual(["1", "2", "3"]);
      },
    );
  });

  test("keeps the order where a file is rotated away before its turn has come", async () => {
    const { world, follow, records } = scene();
    const rotate = () => {
      for (const n of [3, 2, 1]) {
        if (world.has(`a.log.${n}`)) world.rename(`a.log.${n}`, `a.log.${n + 1}`);
      }
      world.rename("a.log", "a.log.1");
    };
    const backlog = Array.from({ length: 20_000 }, (_, n) => `x${n}${"x".repeat(100)}`);
    world.write("a.log.1", `${backlog.join("\n")}\n`);
    world.write("a.log", "y\n");
    let rotations = 0;
    // between two batches, while the backlog is signed
    const onBatch = () => {
      rotations += 1;
      if (rotations > 2) return;
      rotate();
      world.write("a.log", `z${rotations}\n`);
    };
    await follow(["logs"], [nothing, nothing, nothing], { onBatch });
    expect(rotations).toBeGreaterThan(2);
    expect(records()).toEqual([...backlog, "y", "z1", "z2"]);
  });

  test("knows every rotated file that is there, for a later run over the directory", async () => {
    const { world, tree, follow, records } = scene();
    const rotations = Array.from({ length: 40 }, (_, n) => [
      lines(world, "a.log", `${n}\n`),
      () => world.rename("a.log", `a.log-${20_260_000 + n}`),
    ]);
    await follow(["logs"], [...rotations.flat(), lines(world, "a.log", "last\n"), nothing]);
    const expected = [...rotations.keys()].map(String);
    expect(records()).toEqual([...expected, "last"]);
    const again = await signToEnd(tree, world, ["/d/logs"]);
    expect(again.signed.records).toBe(0);
    expect(records()).toEqual([...expected, "last"]);
  });

  test("says that rotated files are left out which are older than the first line of a log that is named", async () => {
    const { world, follow, records, warnings } = scene();
    for (const n of [2, 1]) world.write(`a.log.${n}`, `old ${n}\n`);
    world.write("a.log.3", "");
    world.write("a.log", "1\n");
    await follow(["logs/a.log"], [nothing]);
    expect(warnings).toEqual([
      "/d/logs/a.log is new, and what was rotated before is left out: /d/logs/a.log.2 to /d/logs/a.log.1 (2 files). Name those files to sign them too",
    ]);
    await follow(["logs/a.log"], [nothing]);
    await follow(["logs/a.log.2", "logs/a.log.1", "logs/a.log"], [nothing]);
    expect(warnings).toHaveLength(1);
    expect(records()).toEqual(["1", "old 2", "old 1"]);
  });

  test("a directory leaves no rotated file out", async () => {
    const { world, follow, records, warnings } = scene();
    for (const n of [2, 1]) world.write(`a.log.${n}`, `old ${n}\n`);
    world.write("a.log", "1\n");
    await follow(["logs"], [nothing]);
    expect(records()).toEqual(["old 2", "old 1", "1"]);
    expect(warnings).toEqual([]);
  });

  test("waits for a file that is not there yet", async () => {
    const { world, follow, records } = scene();
    await follow(["logs/a.log"], [nothing, nothing, lines(world, "a.log", "1\n"), nothing]);
    expect(records()).toEqual(["1"]);
  });

  test("costs as many listings of a directory for many logs as for few", async () => {
    const listings = async (count: number) => {
      const { world, follow, records } = scene();
      let listed = 0;
      const list: typeof world.files.list = (path) => {
        if (path === "/d/logs") listed += 1;
        return world.files.list(path);
      };
      const names = Array.from({ length: count }, (_, n) => `a${n}.log`);
      const write = (text: string) => () => names.forEach((name) => world.write(name, text));
      const counts: number[] = [];
      const run = async (...actions: (() => void)[]) => {
        listed = 0;
        await follow(["logs"], actions, { files: { ...world.files, list } });
        counts.push(listed);
      };
      // empty and silent; written to; again; and come while it is followed
      write("")();
      await run(nothing, nothing, write("1\n"), nothing);
      await run(nothing, write("2\n"), nothing);
      for (const name of names.splice(0)) names.push(`more-${name}`);
      await run(write("3\n"), nothing, nothing);
      expect(records().length).toBe(3 * count);
      return counts;
    };
    expect(await listings(60)).toEqual(await listings(6));
  });

  test.each(["a directory", "its files"])(
    "lists a directory once a round, however many logs lie in %s",
    async (inputs) => {
      const { world, follow, records } = scene();
      const names = Array.from({ length: 30 }, (_, n) => `${n}.log`);
      for (const name of names) world.write(name, `${name}\n`);
      const listed: number[] = [];
      let lists = 0;
      const files = {
        ...world.files,
        list(path: string) {
          if (path === "/d/logs") lists += 1;
          return world.files.list(path);
        },
      };
      const round = () => {
        listed.push(lists);
        lists = 0;
      };
      const named = inputs === "a directory" ? ["logs"] : names.map((name) => `logs/${name}`);
      const rounds = [nothing, round, round, round, round, lines(world, "1.log.1", "rotated\n")];
      await follow(named, [...rounds, nothing, nothing], { files });
      expect(listed.slice(1)).toEqual([1, 1, 1]);
      expect(records()).toContain("rotated");
    },
  );

  test("follows several inputs, and files that come into a directory", async () => {
    const { world, follow, records } = scene();
    world.write("a.log.2", "old 2\n");
    world.write("a.log.1", "old 1\n");
    world.write("a.log", "1\n");
    world.write(".hidden", "no\n");
    world.write("a.log.3.gz", "no\n");
    await follow(
      ["logs"],
      [
        lines(world, "b.log", "b\n"),
        nothing,
        () => world.rename("a.log", "a.log.3"),
        lines(world, "a.log", "2\n"),
        nothing,
      ],
    );
    expect(records()).toEqual(["old 2", "old 1", "1", "b", "2"]);
    await follow(["logs"], [lines(world, "b.log", "c\n"), nothing]);
    expect(records().slice(5)).toEqual(["c"]);
  });

  test("says that lines may be lost where a file is truncated and no copy goes on, and goes on", async () => {
    const { world, follow, records, warnings } = scene();
    await follow(
      ["logs/a.log"],
      [lines(world, "a.log", "1\n2\n"), () => world.truncate("a.log"), lines(world, "a.log", "3\n"), nothing],
    );
    expect(records()).toEqual(["1", "2", "3"]);
    expect(warnings).toEqual([
      "/d/logs/a.log was truncated after line 2, and nowhere goes on: lines may be lost",
    ]);
  });

  describe("a log of equal lines that is copied and truncated", () => {
    const ticks = (n: number) => "tick\n".repeat(n);

    test("loses none that is seen shorter than what was read of it, however long it is at the next look", async () => {
      const { world, follow, records, warnings } = scene();
      let isDue = false;
      const stat: typeof world.files.stat = (path) => {
        if (isDue && path === "/d/logs/a.log") {
          isDue = false;
          world.copy("a.log", "a.log.1", 1);
          world.truncate("a.log");
        }
        return world.files.stat(path);
      };
      const arm = () => {
        isDue = true;
      };
      const more = lines(world, "a.log", ticks(7));
      world.write("a.log", ticks(5));
      await follow(["logs/a.log"], [nothing, nothing, arm, more, nothing, nothing], {
        files: { ...world.files, stat },
      });
      expect(isDue).toBe(false);
      expect(records()).toHaveLength(12);
      expect(warnings).toEqual([]);
    });

    const anew = "/d/logs/a.log was written to after line 5, and is no longer";
    const copied = "/d/logs/a.log.1 is a copy of /d/logs/a.log, whose lines are all equal";

    test.each<[string, string, number, string[], (world: RotatingWorld) => void]>([
      [
        "written anew to the same length",
        ticks(5),
        5,
        [anew],
        (world) => (world.truncate("a.log"), world.write("a.log", ticks(5))),
      ],
      ["written on", ticks(5), 10, [], (world) => world.write("a.log", ticks(5))],
      [
        "copied, truncated and written to more",
        ticks(5),
        7,
        [copied],
        (world) => {
          world.copy("a.log", "a.log.1", 1);
          world.truncate("a.log");
          world.write("a.log", ticks(7));
        },
      ],
      [
        "copied and written on, of different lines",
        `${ticks(4)}tock\n`,
        6,
        [],
        (world) => {
          world.copy("a.log", "a.log.1", 1);
          world.write("a.log", ticks(1));
        },
      ],
    ])("is warned of once, where it was %s", async (_, before, signed, expected, act) => {
      const { world, follow, records, warnings } = scene();
      world.write("a.log", before);
      await follow(["logs/a.log"], [nothing, nothing, () => act(world), nothing, nothing, nothing, nothing]);
      expect(records()).toHaveLength(signed);
      expect(warnings.map((text) => expected.find((one) => text.startsWith(one)))).toEqual(expected);
    });
  });

  test("reads the copy that copytruncate made to its end, with no warning", async () => {
    const { world, follow, records, warnings } = scene();
    const copytruncate = () => {
      world.write("a.log", "2\nnot complete");
      world.copy("a.log", "a.log.1", 1);
      world.truncate("a.log");
      world.write("a.log", "3 is a longer line than there were\n");
    };
    await follow(["logs/a.log"], [lines(world, "a.log", "1\n"), copytruncate, nothing]);
    expect(records()).toEqual(["1", "2", "not complete", "3 is a longer line than there were"]);
    expect(warnings).toEqual([]);
  });

  describe("a copy that copytruncate is making when the signer starts", () => {
    type Scene = ReturnType<typeof scene>;
    const copy = ({ world }: Scene, part = 1, name = "a.log.1") => world.copy("a.log", name, part);
    const signed = async ({ follow }: Scene) => follow(["logs"], [nothing, nothing]);

    test.each<[string, string[], (at: Scene) => Promise<void> | void]>([
      ["of a log that is new", [], (at) => copy(at)],
      ["with the name of a date", [], (at) => copy(at, 1, "a.log-20261123")],
      ["with a part of the log", [], (at) => copy(at, 0.7)],
      ["with nothing in it yet", [], (at) => copy(at, 0)],
      [
        "of what was written since, by a file that was truncated before",
        ["1", "2"],
        async (at) => {
          at.world.write("a.log", "");
          at.world.truncate("a.log");
          at.world.write("a.log", "1\n2\n");
          await signed(at);
          copy(at, 1, "a.log.2");
          at.world.truncate("a.log");
          at.world.write("a.log", "3\n4\n5\n");
          copy(at);
        },
      ],
      [
        "after an earlier run read the log that was truncated",
        ["1", "2"],
        async (at) => {
          const { world, follow } = at;
          world.truncate("a.log");
          world.write("a.log", "1\n2\n");
          const rotate = () => {
            copy(at);
            world.truncate("a.log");
          };
          await follow(["logs"], [nothing, rotate, nothing, nothing]);
          world.rename("a.log.1", "a.log.2");
          world.write("a.log", "3\n4\n5\n");
          copy(at);
        },
      ],
      [
        "of a log that goes on where it was signed",
        [],
        async (at) => {
          at.world.truncate("a.log");
          at.world.write("a.log", "3\n");
          await signed(at);
          at.world.write("a.log", "4\n5\n");
          copy(at);
        },
      ],
    ])("is signed once: %s", async (_, before, start) => {
      const at = scene();
      const { world, follow, records, warnings } = at;
      world.write("a.log", "3\n4\n5\n");
      await start(at);
      const name = world.has("a.log.1") ? "a.log.1" : "a.log-20261123";
      const truncate = () => {
        copy(at, 1, name);
        world.truncate("a.log");
      };
      await follow(["logs"], [nothing, nothing, truncate, lines(world, "a.log", "6\n"), nothing, nothing]);
      expect(records()).toEqual([...before, "3", "4", "5", "6"]);
      expect(warnings).toEqual([]);
      await signed(at);
      expect(records()).toEqual([...before, "3", "4", "5", "6"]);
    });

    test("goes on in it where the log is truncated before its first line is read", async () => {
      const at = scene();
      const { world, follow, records } = at;
      world.write("a.log", "1\n2\n");
      copy(at);
      // when the log was compared with its copy, and is opened to be followed
      let opened = 0;
      const open: typeof world.files.open = (path, ...rest) => {
        if (path === "/d/logs/a.log" && (opened += 1) === 2) world.truncate("a.log");
        return world.files.open(path, ...rest);
      };
      await follow(["logs"], [nothing, lines(world, "a.log", "3\n"), nothing], {
        files: { ...world.files, open },
      });
      expect(opened).toBeGreaterThan(1);
      expect(records()).toEqual(["1", "2", "3"]);
    });

    test("a rotated file that only begins as the log does, or goes on after that, is none", async () => {
      for (const [rotated, log] of [
        ["1\n2\n", "1\n3\n"],
        ["1\n2\n", "1\n"],
        [`${"1".repeat(100_000)}\n2\n`, `${"1".repeat(100_000)}\n3\n`],
      ] as const) {
        const { world, follow, records } = scene();
        world.write("a.log.1", rotated);
        world.write("a.log", log);
        await follow(["logs"], [nothing, nothing]);
        expect(
          records()
            .map((text) => `${text}\n`)
            .join(""),
        ).toBe(rotated + log);
      }
    });

    test("a rotated file that an earlier run began with is none, though the next one has the same lines", async () => {
      const at = scene();
      const { world, follow, records } = at;
      world.write("a.log", "begun\n");
      const write: typeof world.files.write = (path, ...rest) => {
        if (path.startsWith("/d/store/")) throw new Error("killed");
        world.files.write(path, ...rest);
      };
      const files = { ...world.files, write };
      await expect(follow(["logs"], [nothing, nothing], { files })).rejects.toThrow("killed");
      world.rename("a.log", "a.log.1");
      world.write("a.log", "begun\n2\n");
      await signed(at);
      expect(records()).toEqual(["begun", "begun", "2"]);
    });

    test.each<[string, (at: Scene) => void]>([
      ["renamed", ({ world }) => world.rename("a.log", "a.log.1")],
      ["copied and truncated", (at) => (copy(at), at.world.truncate("a.log"))],
    ])("is at most one of several files, warned of, and read where the log is %s", async (_, rotate) => {
      const at = scene();
      const { world, follow, records, warnings, time } = at;
      for (const n of [3, 2, 1]) world.write(`a.log.${n}`, "begun\n");
      world.write("a.log", "begun\n1\n");
      await follow(["logs"], [nothing, time(500_000), nothing]);
      expect(records()).toEqual(["begun", "begun", "begun", "1"]);
      expect(warnings).toEqual([]);
      const next = () => {
        for (const n of [3, 2, 1]) world.rename(`a.log.${n}`, `a.log.${n + 1}`);
        rotate(at);
        world.write("a.log", "2\n");
      };
      await follow(["logs"], [nothing, time(601_000), nothing, nothing, next, nothing, nothing]);
      expect(warnings).toEqual([
        "/d/logs/a.log.1 begins as /d/logs/a.log does, and is taken for a copy of it: its lines are not signed beside those",
      ]);
      expect(records().toSorted()).toEqual(["1", "2", "begun", "begun", "begun", "begun"]);
    });

    test("is warned of where the lines are all equal", async () => {
      const { world, follow, records, warnings } = scene();
      for (const name of ["a.log.1", "a.log"]) world.write(name, "tick\ntick\n");
      await follow(["logs"], [nothing, nothing, nothing]);
      expect(records()).toEqual(["tick", "tick"]);
      expect(warnings).toEqual([
        "/d/logs/a.log.1 is a copy of /d/logs/a.log, whose lines are all equal: if it was truncated after that, lines may be lost",
      ]);
    });
  });

  test("keeps a copy that somebody makes of a log apart from it", async () => {
    const { world, follow, records } = scene();
    await follow(
      ["logs/a.log"],
      [
        lines(world, "a.log", "1\n"),
        () => world.copy("a.log", "a.log.1", 1),
        lines(world, "a.log", "2\n"),
        nothing,
      ],
    );
    expect(records()).toEqual(["1", "2"]);
  });

  test("takes the end of a rotated file for complete when nothing comes for a while", async () => {
    const { world, follow, records, time } = scene();
    const rotate = () => {
      world.write("a.log", "cut");
      world.rename("a.log", "a.log.1");
      world.write("a.log", "2\n");
    };
    await follow(
      ["logs/a.log"],
      [lines(world, "a.log", "1\n"), rotate, nothing, time(61_000), nothing, nothing],
    );
    expect(records()).toEqual(["1", "2", "cut"]);
  });

  describe("a file that is written to, and named as if it were rotated", () => {
    const aMinute = (time: (ms: number) => () => void) => [nothing, time(61_000), nothing, nothing];

    test.each([
      ["a line", "1a\n", ["1a"]],
      ["the beginning of a line", "1a", ["1a"]],
      ["nothing", "", []],
    ])("goes on after minutes without a line: %s was in it", async (_, before, first) => {
      const { world, follow, records, time, warnings } = scene();
      world.write("worker-1.log", before);
      world.write("worker.log", "a\n");
      const quiet = aMinute(time);
      const more = ["2", "3"].flatMap((text) => [...quiet, lines(world, "worker-1.log", `${text}\n`)]);
      await follow(["logs"], [...quiet, ...more, nothing, nothing]);
      // the rest of a line that was taken for complete is a record of its own
      expect(records().toSorted()).toEqual([...first, "a", "2", "3"].toSorted());
      expect(warnings).toEqual([]);
      await follow(["logs"], [nothing, nothing]);
      expect(records()).toHaveLength(first.length + 3);
    });

    test.each([
      [["logs", "logs/worker-1.log"]],
      [["logs/worker-1.log", "logs"]],
      [["logs/worker.log", "logs/worker-1.log"]],
      [["logs/worker-1.log", "logs/worker.log"]],
    ])("is a log of its own where it is named, and signed once: %j", async (inputs) => {
      const { world, follow, records, time, warnings } = scene();
      const add = (name: string, text: string) => lines(world, name, `${text}\n`);
      const rotate = () => {
        world.rename("worker-1.log", "worker-1.log.1");
        world.write("worker-1.log", "3\n");
      };
      add("worker-1.log", "1")();
      add("worker.log", "a")();
      const first = [...aMinute(time), add("worker-1.log", "2"), nothing, rotate, ...aMinute(time)];
      await follow(inputs, [...first, add("worker-1.log", "4"), nothing]);
      for (const text of ["5", "7"]) {
        add("worker-1.log", text)();
        const later = [...aMinute(time), add("worker-1.log", `${Number(text) + 1}`), add("worker.log", text)];
        await follow(inputs, [nothing, ...later, nothing, nothing]);
      }
      expect(records().toSorted()).toEqual(["1", "2", "3", "4", "5", "5", "6", "7", "7", "8", "a"]);
      expect(warnings).toEqual([]);
    });

    test("has rotated files of its own, which are signed though they are none of the log's", async () => {
      const { world, follow, records, time, warnings } = scene();
      const add = (name: string, text: string) => lines(world, name, `${text}\n`);
      for (const [name, text] of [
        ["worker-1.log.2", "1"],
        ["worker-1.log.1", "2"],
        ["worker-1.log", "3"],
        ["worker.log", "a"],
      ] as const)
        add(name, text)();
      const rotate = () => {
        // it was complete, and is moved before anybody looks
        add("worker-1.log", "4")();
        for (const n of [2, 1]) world.rename(`worker-1.log.${n}`, `worker-1.log.${n + 1}`);
        world.rename("worker-1.log", "worker-1.log.1");
        add("worker-1.log", "5")();
      };
      await follow(["logs"], [...aMinute(time), rotate, nothing, nothing, ...aMinute(time), nothing]);
      expect(records().toSorted()).toEqual(["1", "2", "3", "4", "5", "a"]);
      expect(warnings).toEqual([]);
      add("worker-1.log", "6")();
      await follow(["logs"], [nothing, nothing]);
      expect(records().toSorted()).toEqual(["1", "2", "3", "4", "5", "6", "a"]);
    });

    test("goes on where a run was ended", async () => {
      const { world, follow, records, time } = scene();
      world.write("worker-1.log", "1\n");
      world.write("worker.log", "a\n");
      await follow(["logs"], aMinute(time));
      world.write("worker-1.log", "2\n");
      await follow(["logs"], [...aMinute(time), lines(world, "worker-1.log", "3\n"), nothing, nothing]);
      expect(records()).toEqual(["1", "a", "2", "3"]);
    });

    test("is read where it came while no signer ran, and is no copy", async () => {
      const { world, follow, records, warnings } = scene();
      world.write("worker-1.log", "");
      world.write("worker.log", "a\n");
      await follow(["logs"], [nothing, nothing]);
      world.write("worker-1.log", "1\n");
      world.write("worker-2.log", "2\n");
      world.copy("worker.log", "worker-3.log", 1);
      for (const _ of [1, 2]) await follow(["logs"], [nothing, nothing, nothing]);
      expect(records()).toEqual(["a", "2", "1"]);
      expect(warnings).toEqual([]);
    });

    test("costs no look into it while it is as it was", async () => {
      const { world, follow, records, time } = scene();
      let opened = 0;
      const open: typeof world.files.open = (path, ...rest) => {
        if (path === "/d/logs/worker-1.log") opened += 1;
        return world.files.open(path, ...rest);
      };
      world.write("worker-1.log", "1\n");
      world.write("worker.log", "a\n");
      const counts: number[] = [];
      const count = () => void counts.push(opened);
      const change = lines(world, "worker-1.log", "2\n");
      const rounds = [
        ...aMinute(time),
        count,
        nothing,
        count,
        change,
        nothing,
        count,
        ...aMinute(time),
        count,
      ];
      await follow(["logs"], rounds, { files: { ...world.files, open } });
      expect(records()).toEqual(["1", "a", "2"]);
      const [at = 0] = counts;
      expect(counts).toEqual([at, at, at + 1, at + 1]);
    });

    test("is a copy of the log where the next one is written into it", async () => {
      const { world, follow, records, time, warnings } = scene();
      world.write("a.log", "1\n");
      const copy = () => world.copy("a.log", "a.log.1", 1);
      const truncate = () => world.truncate("a.log");
      const quiet = aMinute(time);
      const more = (text: string) => lines(world, "a.log", text);
      const first = [nothing, copy, nothing, truncate, more("2\n3\n"), ...quiet];
      await follow(["logs"], [...first, copy, nothing, truncate, more("4\n"), ...quiet, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4"]);
      expect(warnings).toEqual([]);
    });

    test("is left, with a warning, where it holds something else", async () => {
      const { world, follow, records, time, warnings } = scene();
      world.write("worker-1.log", "1\n");
      world.write("worker.log", "a\n");
      const writeAnew = () => {
        world.truncate("worker-1.log");
        world.write("worker-1.log", "2\n3\n");
      };
      await follow(["logs"], [...aMinute(time), writeAnew, nothing, nothing]);
      expect(records()).toEqual(["1", "a"]);
      expect(warnings).toEqual([
        "/d/logs/worker-1.log was signed, and holds something else now: what is new in it is not taken",
      ]);
    });
  });

  describe("an inode number that is used again", () => {
    const rename = (world: RotatingWorld) => {
      if (world.has("a.log.1")) world.remove("a.log.1");
      world.rename("a.log", "a.log.1");
    };
    const wait = (time: (ms: number) => () => void) => [time(61_000), nothing, nothing];

    test("is not that of a log's old file whose lines are all the same", async () => {
      const { world, follow, records, time, warnings } = scene();
      const rotate = (count: number) => () => {
        rename(world);
        world.write("a.log", "tick\n".repeat(count));
      };
      world.write("a.log", "tick\n");
      const numberOf = () => world.files.stat("/d/logs/a.log").id;
      const first = numberOf();
      const reused: boolean[] = [];
      const note = () => void reused.push(numberOf() === first);
      const rounds = [nothing, rotate(1), nothing, ...wait(time), rotate(1), note, nothing, rotate(3), note];
      await follow(["logs/a.log"], [...rounds, nothing, nothing]);
      expect(reused).toEqual([false, true]);
      expect(records()).toHaveLength(6);
      expect(warnings).toEqual([]);
    });

    test.each(["a.log.1", "b.log"])("is known at once to be that of a new %s", async (name) => {
      const { world, follow, records } = scene();
      world.write("a.log", "1\n");
      world.write("a.log.1", "before\n");
      const { id } = world.files.stat("/d/logs/a.log.1");
      const remove = () => world.remove("a.log.1");
      const add = () => {
        world.write(name, "2\n");
        expect(world.files.stat(`/d/logs/${name}`).id).toBe(id);
      };
      await follow(["logs/a.log", "logs/b.log"], [nothing, remove, nothing, add, nothing]);
      expect(records()).toEqual(["1", "2"]);
    });

    test("does not make a copy of today one that was seen long ago", async () => {
      const { world, follow, records, time, warnings } = scene();
      const ids: string[] = [];
      const rotate = (more: string) => {
        const remove = () => {
          if (world.has("a.log.1")) world.remove("a.log.1");
        };
        const copy = () => {
          world.copy("a.log", "a.log.1", 1);
          ids.push(world.files.stat("/d/logs/a.log.1").id);
        };
        const truncate = () => {
          world.truncate("a.log");
          world.write("a.log", more);
        };
        return [remove, nothing, copy, nothing, nothing, truncate, nothing, nothing];
      };
      world.write("a.log", "1\n");
      await follow(["logs/a.log"], [nothing, ...rotate("2\n"), time(86_400_000), ...rotate("3\n"), nothing]);
      expect(ids[1]).toBe(ids[0]);
      expect(records()).toEqual(["1", "2", "3"]);
      expect(warnings).toEqual([]);
    });

    test("is kept for a file that is known for as long as that is there, under any name", async () => {
      const { world, follow, records } = scene();
      world.write("a.log", "1\n");
      world.write("a.log.1", "before\n");
      const remove = () => {
        world.rename("a.log.1", "kept");
        world.remove("kept");
        world.write("a.log.1", "2\n");
      };
      await follow(["logs/a.log"], [nothing, remove, nothing, nothing]);
      expect(records()).toEqual(["1", "2"]);
    });
  });

  test("finds rotated files again after a pause, by what was signed of them", async () => {
    const { world, follow, records } = scene();
    await follow(["logs/a.log"], [lines(world, "a.log", "1\n"), nothing]);
    world.write("a.log", "2\n");
    world.rename("a.log", "a.log-20251123");
    world.write("a.log-20251124", "3\n");
    world.write("a.log-20251122", "before\n");
    world.write("a.log", "4\n");
    await follow(["logs/a.log"], [nothing]);
    expect(records()).toEqual(["1", "2", "3", "4"]);
  });

  test("refuses a log of which nothing goes on, unless it is told that it is new", async () => {
    const { world, follow, records } = scene();
    await follow(["logs/a.log"], [lines(world, "a.log", "1\n"), nothing]);
    world.remove("a.log");
    world.write("a.log", "2\n");
    await expect(follow(["logs/a.log"], [nothing])).rejects.toMatchObject({ code: "input" });
    expect(records()).toEqual(["1"]);
    await follow(["logs/a.log"], [nothing], { newInput: true });
    expect(records()).toEqual(["1", "2"]);
  });

  test("never signs a private key that comes into its directory", async () => {
    const { world, follow, records, warnings } = scene();
    world.write("x.key", "secret\n");
    world.write("a.log", "1\n");
    const keyFiles = ["/d/logs/x.key"];
    await follow(["logs"], [lines(world, "b.log", "2\n"), nothing, nothing], { keyFiles });
    expect(records()).toEqual(["1", "2"]);
    expect(warnings).toEqual([
      "/d/logs/x.key is a private key: signing it would publish it; it is passed over",
    ]);
    await expect(follow(["logs/x.key", "logs"], [nothing], { keyFiles })).rejects.toMatchObject({
      code: "refused",
    });
    await expect(follow(["logs/x.key"], [nothing], { keyFiles })).rejects.toMatchObject({ code: "refused" });
    expect(records()).toEqual(["1", "2"]);
  });

  test("never signs a key that is written into a file which was empty when it was opened", async () => {
    const { world, follow, records, warnings } = scene();
    const pem = `-----BEGIN PRIVATE KEY-----\n${"A".repeat(64)}\n-----END PRIVATE KEY-----\n`;
    world.write("a.log", "1\n");
    for (const name of ["key.pem", "a.log.1"]) world.write(name, "");
    await follow(
      ["logs"],
      [
        nothing,
        lines(world, "key.pem", pem),
        lines(world, "a.log.1", pem),
        nothing,
        lines(world, "a.log", "2\n"),
        nothing,
      ],
    );
    expect(records()).toEqual(["1", "2"]);
    expect(warnings.map((text) => text.split(" ", 1).join("")).toSorted()).toEqual([
      "/d/logs/a.log.1",
      "/d/logs/key.pem",
    ]);
    world.write("named", "");
    await expect(
      follow(["logs/named"], [nothing, lines(world, "named", pem), nothing]),
    ).rejects.toMatchObject({ code: "refused" });
    expect(records()).toEqual(["1", "2"]);
  });

  test("passes over keys that come while it runs, under any name, and signs what takes their place", async () => {
    const { world, follow, records, warnings } = scene();
    const pem = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIA==\n-----END PRIVATE KEY-----\n";
    world.write("a.log", "1\n");
    await follow(
      ["logs"],
      [
        lines(world, "key.pem", pem),
        lines(world, "a.log.1", pem),
        lines(world, "a.log", "2\n"),
        nothing,
        () => {
          world.rename("a.log", "a.log.2");
          world.write("a.log", pem);
        },
        lines(world, "a.log.2", "3\n"),
        nothing,
        () => {
          for (const name of ["a.log", "key.pem"]) {
            world.remove(name);
            world.write(name, `${name} goes on\n`);
          }
        },
        nothing,
        nothing,
        nothing,
      ],
    );
    expect(records().toSorted()).toEqual(["1", "2", "3", "a.log goes on", "key.pem goes on"]);
    expect(warnings.map((text) => text.split(" ")[0])).toEqual([
      "/d/logs/key.pem",
      "/d/logs/a.log.1",
      "/d/logs/a.log",
    ]);
  });
});

describe("a log of which only a rotated file was read", () => {
  const rotations: Readonly<Record<string, (world: RotatingWorld, to: string) => void>> = {
    rename(world, to) {
      world.rename("a.log", to);
      world.write("a.log", "");
    },
    copytruncate(world, to) {
      world.copy("a.log", to, 1);
      world.truncate("a.log");
    },
  };
  const cases = Object.keys(rotations).flatMap((how) =>
    ["logs", "logs/a.log"].map((input) => ({ how, input })),
  );

  describe.each(cases)("by $how, as $input", ({ how, input }) => {
    const rotate = (world: RotatingWorld) => {
      if (world.has("a.log.1")) world.rename("a.log.1", "a.log.2");
      rotations[how]?.(world, "a.log.1");
    };
    /** The signer was killed in the middle of it, or told to end when it had read it. */
    const read = async (at: "its middle" | "its end") => {
      const it = scene();
      const { world, follow } = it;
      world.write("a.log", "1\n");
      await follow([input], [nothing, nothing]);
      world.write("a.log", "2\n3\n4\n");
      rotate(world);
      let checkpoints = 0;
      const write: typeof world.files.write = (path, ...rest) => {
        if (path === "/d/store/checkpoint" && (checkpoints += 1) > 1) throw new Error("killed");
        world.files.write(path, ...rest);
      };
      const files = at === "its middle" ? { ...world.files, write } : world.files;
      const ended = follow([input], [nothing, nothing], { maxRecords: 1, files });
      if (at === "its middle") await expect(ended).rejects.toThrow("killed");
      else await ended;
      return it;
    };

    test.each(["its middle", "its end"] as const)(
      "up to %s, is refused where that is compressed",
      async (at) => {
        const { world, tree, follow, records } = await read(at);
        world.write("a.log.1", "late\n");
        world.remove("a.log.1");
        const before = records();
        for (const text of ["", "5\n"]) {
          world.write("a.log", text);
          await expect(follow([input], [nothing])).rejects.toMatchObject({ code: "input" });
          await expect(signToEnd(tree, world, [`/d/${input}`])).rejects.toMatchObject({ code: "input" });
        }
        rotate(world);
        world.write("a.log", "6\n");
        await expect(follow([input], [nothing])).rejects.toMatchObject({ code: "input" });
        await expect(signToEnd(tree, world, [`/d/${input}`])).rejects.toMatchObject({ code: "input" });
        expect(records()).toEqual(before);
        await follow([input], [nothing, nothing], { newInput: true });
        expect(records().at(-1)).toBe("6");
      },
    );

    test.each(["its middle", "its end"] as const)("up to %s, goes on where that is there", async (at) => {
      const { world, follow, records } = await read(at);
      world.write("a.log", "5\n");
      rotate(world);
      world.write("a.log", "6\n");
      await follow([input], [nothing, nothing]);
      expect(records()).toEqual(["1", "2", "3", "4", "5", "6"]);
    });

    test("goes on without it where something of the next file is signed, also after that was rotated", async () => {
      const { world, follow, records } = await read("its end");
      await follow([input], [nothing, lines(world, "a.log", "5\n"), nothing]);
      world.remove("a.log.1");
      world.write("a.log", "6\n");
      rotate(world);
      await follow([input], [nothing, lines(world, "a.log", "7\n"), nothing]);
      expect(records()).toEqual(["1", "2", "3", "4", "5", "6", "7"]);
    });

    test("is refused without the newest, though an older one is there", async () => {
      const { world, follow } = await read("its end");
      await follow([input], [nothing, lines(world, "a.log", "5\n"), nothing]);
      world.write("a.log", "6\n");
      rotate(world);
      expect(world.text("a.log.2")).toBe("1\n2\n3\n4\n");
      world.remove("a.log.1");
      await expect(follow([input], [nothing])).rejects.toMatchObject({ code: "input" });
    });
  });

  test("is not forgotten for an older one that was removed while it was followed", async () => {
    const { world, follow, records, time } = scene();
    world.write("a.log", "1\n");
    world.write("b.log", "b1\n");
    const rotate = () => {
      if (world.has("a.log.1")) world.rename("a.log.1", "a.log.2");
      world.rename("a.log", "a.log.1");
      world.write("a.log", "");
    };
    const wait = [nothing, time(61_000), nothing, nothing];
    const second = [lines(world, "a.log", "2\n"), nothing, rotate, ...wait];
    const remove = [() => world.remove("a.log.2"), nothing, time(11_000), nothing];
    await follow(
      ["logs"],
      [nothing, rotate, ...wait, ...second, ...remove, lines(world, "b.log", "b2\n"), nothing],
    );
    await follow(["logs"], [nothing, lines(world, "a.log", "3\n"), nothing]);
    expect(records().toSorted()).toEqual(["1", "2", "3", "b1", "b2"]);
  });
});

describe("heartbeats", () => {
  test("come at once and every interval, with what there is", async () => {
    const { world, follow, time, batches, sizes, tree } = scene();
    await follow(
      ["logs/a.log"],
      [time(30_000), time(30_000), lines(world, "a.log", "1\n"), time(60_000), time(60_000), nothing],
      { heartbeat: true },
    );
    expect(sizes()).toEqual([0, 0, 1, 0]);
    const closed = batches().map(({ to }) => to - START / 1000);
    expect(closed[0]).toBe(0);
    for (const [i, to] of closed.entries()) expect(to - (closed[i - 1] ?? 0)).toBeLessThanOrEqual(61);
    expect(summaryOf(storeIn(tree, "/d"))).toEqual(summaryOf(await modelStore(batches())));
  });

  test("are not written unless they are asked for", async () => {
    const { follow, time, sizes } = scene();
    await follow(["logs/a.log"], [time(600_000), nothing]);
    expect(sizes()).toEqual([]);
  });
});

describe("standard input", () => {
  test("is followed to its end", async () => {
    const { follow, records } = scene();
    const stdin = stdinOf("1\n2", "\n3\n", "4");
    await follow(
      ["-"],
      Array.from({ length: 20 }, () => nothing),
      { stdin },
    );
    expect(records()).toEqual(["1", "2", "3", "4"]);
  });

  test("is taken up to the middle of a line when it is asked to end: it comes only once", async () => {
    const { follow, records, world } = scene();
    const stdin = {
      ...stdinOf(),
      async *[Symbol.asyncIterator]() {
        yield Buffer.from("1\n2\nhal");
        await new Promise(() => {});
      },
    };
    await follow(["logs/a.log", "-"], [lines(world, "a.log", "a\n"), nothing], { stdin });
    expect(records().toSorted()).toEqual(["1", "2", "a", "hal"]);
  });

  test("is signed as far as it came when another input cannot be read", async () => {
    const { follow, records, world } = scene();
    const stdin = {
      ...stdinOf(),
      async *[Symbol.asyncIterator]() {
        yield Buffer.from("1\n");
        await new Promise(() => {});
      },
    };
    const tooLong = lines(world, "a.log", "x".repeat((1 << 20) + 1));
    await expect(follow(["logs/a.log", "-"], [nothing, tooLong, nothing], { stdin })).rejects.toThrow(
      "line 1 is longer",
    );
    expect(records()).toEqual(["1"]);
  });

  test("that comes again is signed once", async () => {
    const { follow, records } = scene();
    const idle = Array.from({ length: 20 }, () => nothing);
    await follow(["-"], idle, { stdin: stdinOf("1\n2\n") });
    await follow(["-"], idle, { stdin: stdinOf("1\n2\n", "3\n") });
    expect(records()).toEqual(["1", "2", "3"]);
  });

  test("is not read ahead of what is signed: a slow disk slows its writer down", async () => {
    const { follow, records } = scene();
    let given = 0;
    const stdin = {
      ...stdinOf(),
      async *[Symbol.asyncIterator]() {
        for (; given < 200; given += 1) yield Buffer.from(`${given}\n`);
      },
    };
    let most = 0;
    const onBatch = ({ records: signed }: { readonly records: number }) => {
      most = Math.max(most, given - signed);
    };
    await follow(
      ["-"],
      Array.from({ length: 500 }, () => nothing),
      { stdin, maxRecords: 1, onBatch },
    );
    expect(records()).toHaveLength(200);
    expect(most).toBeLessThanOrEqual(2);
  });
});
