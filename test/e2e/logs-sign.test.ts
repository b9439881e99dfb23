// @module-tag long
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  appendFileSync,
  copyFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  renameSync,
  truncateSync,
} from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readKeyFile } from "../../src/logs/key-file.ts";
import { parseNote } from "../../src/logs/note.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { batchesOf, eventOf, modelStore, readStore, summaryOf } from "../logs/store-model.ts";
import { scratch } from "../support/scratch.ts";
import { soaked } from "../support/soak.ts";

const cli = new URL("../../bin/fleetsec.js", import.meta.url).pathname;

/** Runs the built program to its end, or kills it so many milliseconds after it has taken the lock. */
async function run(cwd: string, argv: readonly string[], death?: number) {
  const child = spawn(process.execPath, [cli, ...argv], { cwd, stdio: ["ignore", "ignore", "pipe"] });
  let stderr = "";
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  const ended = once(child, "close");
  if (death !== undefined) {
    while (child.exitCode === null && !isLocked(join(cwd, "store.signer"))) await delay(1);
    await delay(death);
    child.kill("SIGKILL");
  }
  const [code] = (await ended) as [number | null];
  return { code, stderr };
}

/** A holder's file carries its process id; a killed one's stays until the next run. */
function isLocked(directory: string): boolean {
  const holders = existsSync(directory) ? readdirSync(directory) : [];
  return holders.some((name) => existsSync(`/proc/${name.split("-")[3] ?? "none"}`));
}

/** Of each of two logs at once, one for each core. */
const KILLS = soaked(15, 500);

const sign = [
  "logs",
  "sign",
  "--in",
  "a.log",
  "--store",
  "store",
  "--key",
  "audit.key",
  "--max-records",
  "40",
];

/** Every root that was ever published, by size; a second one at a size fails. */
function watchRoots(directory: string, roots: Map<string, string>): void {
  const kept = join(directory, "store/fleetsec/checkpoint");
  for (const name of existsSync(kept) ? readdirSync(kept) : []) {
    if (name.startsWith(".")) continue;
    const { text } = parseNote(readFileSync(join(kept, name)));
    expect({ size: name, text }).toEqual({ size: name, text: roots.get(name) ?? text });
    roots.set(name, text);
  }
}

describe("logs sign", () => {
  test.each([
    ["SIGTERM", 143],
    ["SIGINT", 130],
  ] as const)(
    "waiting for standard input ends at %s, and keeps what it has published",
    async (signal, code) => {
      const directory = scratch();
      expect(await run(directory, ["logs", "keygen", "--origin", "e2e/audit"])).toMatchObject({ code: 0 });
      const flags = ["--in", "-", "--store", "store", "--key", "audit.key", "--max-records", "2"];
      const child = spawn(process.execPath, [cli, "logs", "sign", ...flags], { cwd: directory });
      const ended = once(child, "close");
      child.stdin.write("a\nb\nc\n");
      while (!existsSync(join(directory, "store/checkpoint"))) await delay(5);
      child.kill(signal);
      expect(await ended).toEqual([code, null]);
      const batches = readdirSync(join(directory, "store/fleetsec/batch"));
      expect(batches).toEqual(["000.jsonl"]);
      expect(readdirSync(join(directory, "store.signer"))).toEqual(["state.json"]);
    },
  );

  test("signs the same on several threads, also when it is interrupted on the way", async () => {
    const directory = scratch();
    const at = (name: string) => join(directory, name);
    expect(await run(directory, ["logs", "keygen", "--origin", "e2e/audit"])).toMatchObject({ code: 0 });
    const events = Array.from({ length: 30_000 }, (_, n) => `${JSON.stringify(eventOf(n))}\n`);
    appendFileSync(at("a.log"), events.join(""));
    const flags = (store: string, threads: number) =>
      ["logs", "sign", "--in", "a.log", "--store", store, "--key", "audit.key"].concat(
        ["--max-records", "7000", "--threads"],
        String(threads),
      );
    expect(await run(directory, flags("one", 1))).toMatchObject({ code: 0, stderr: "" });
    expect(await run(directory, flags("two", 2))).toMatchObject({ code: 0, stderr: "" });
    const child = spawn(process.execPath, [cli, ...flags("three", 2)], { cwd: directory, stdio: "ignore" });
    const ended = once(child, "close");
    while (child.exitCode === null && !existsSync(at("three/fleetsec/checkpoint/2"))) await delay(1);
    child.kill("SIGTERM");
    // on a busy machine it may be done before the signal comes
    expect([0, 143]).toContain(((await ended) as [number | null])[0]);
    expect(readdirSync(at("three.signer"))).toEqual(["state.json"]);
    expect(await run(directory, flags("three", 2))).toMatchObject({ code: 0, stderr: "" });

    const stores = ["one", "two", "three"].map((name) => batchesOf(readStore(at(name))));
    const contents = stores.map((batches) => batches.map(({ data }) => data.toString()));
    expect(contents[0]).toHaveLength(5);
    expect(contents[0]?.join("") === events.join("")).toBe(true);
    for (const store of ["two", "three"]) {
      for (const path of ["batch/000.jsonl", "batch/004.jsonl", "hashes/000", "hashes/004"]) {
        const [ours, first] = [store, "one"].map((name) => readFileSync(at(`${name}/fleetsec/${path}`)));
        expect({ store, path, same: ours?.equals(first as Buffer) }).toEqual({ store, path, same: true });
      }
      const model = await modelStore(batchesOf(readStore(at(store))), [
        readKeyFile(systemFiles, at("audit.key")),
      ]);
      expect(summaryOf(readStore(at(store)))).toEqual(summaryOf(model));
    }
  });

  test.each([
    ["SIGTERM", 0],
    ["SIGINT", 130],
  ] as const)(
    "following a log that is rotated signs all of it, and ends at %s with %i",
    async (signal, code) => {
      const directory = scratch();
      expect(await run(directory, ["logs", "keygen", "--origin", "e2e/audit"])).toMatchObject({ code: 0 });
      appendFileSync(join(directory, "a.log"), "1\n");
      const flags = [
        "--in",
        "a.log",
        "--store",
        "store",
        "--key",
        "audit.key",
        "--max-records",
        "1",
        "--follow",
      ];
      const child = spawn(process.execPath, [cli, "logs", "sign", ...flags], {
        cwd: directory,
        stdio: "ignore",
      });
      const ended = once(child, "close");
      const batches = join(directory, "store/fleetsec/batch");
      const signed = async (count: number) => {
        while (!existsSync(join(directory, `store/fleetsec/checkpoint/${count}`))) await delay(5);
      };
      await signed(1);
      appendFileSync(join(directory, "a.log"), "2\n");
      renameSync(join(directory, "a.log"), join(directory, "a.log.1"));
      appendFileSync(join(directory, "a.log"), "3\n");
      await signed(3);
      copyFileSync(join(directory, "a.log"), join(directory, "a.log.0"));
      truncateSync(join(directory, "a.log"));
      appendFileSync(join(directory, "a.log"), "4\n");
      await signed(4);
      child.kill(signal);
      expect(await ended).toEqual([code, null]);
      const texts = readdirSync(batches).map((name) => readFileSync(join(batches, name), "utf8"));
      expect(texts).toEqual(["1\n", "2\n", "3\n", "4\n"]);
    },
  );

  test("following a log with a backlog ends at SIGTERM, and leaves the rest of it to the next run", async () => {
    const directory = scratch();
    expect(await run(directory, ["logs", "keygen", "--origin", "e2e/audit"])).toMatchObject({ code: 0 });
    const backlog = Array.from({ length: 3_000 }, (_, n) => `${n}\n`);
    appendFileSync(join(directory, "a.log"), backlog.join(""));
    const flags = ["--in", "a.log", "--store", "store", "--key", "audit.key", "--max-records"];
    const child = spawn(process.execPath, [cli, "logs", "sign", ...flags, "1", "--follow"], {
      cwd: directory,
      stdio: "ignore",
    });
    const ended = once(child, "close");
    while (!existsSync(join(directory, "store/checkpoint"))) await delay(5);
    child.kill("SIGTERM");
    expect(await ended).toEqual([0, null]);
    const signed = () => batchesOf(readStore(join(directory, "store"))).flatMap(({ data }) => String(data));
    expect(signed().length).toBeLessThan(backlog.length);
    expect(await run(directory, ["logs", "sign", ...flags, "100000"])).toMatchObject({ code: 0 });
    expect(signed().join("") === backlog.join("")).toBe(true);
  });

  test(
    "killed at random moments loses no line, doubles none, and never has two roots at one size",
    { timeout: 600_000 },
    async () => {
      // two at once: one core each
      await Promise.all(
        [0, 1].map(async (which) => {
          const directory = scratch();
          // one of them hashes, and writes its files, on other threads
          const flags = [...sign, "--threads", String(1 + which)];
          expect(await run(directory, ["logs", "keygen", "--origin", "e2e/audit"])).toMatchObject({
            code: 0,
          });
          const roots = new Map<string, string>();
          let [lines, killed] = [0, 0];
          // on a busy machine a run may end before we see that it has begun
          for (let i = 0; i < KILLS || killed <= KILLS / 2; i += 1) {
            const events = Array.from({ length: 60 }, (_, n) => `${JSON.stringify(eventOf(lines + n))}\n`);
            appendFileSync(join(directory, "a.log"), events.join(""));
            lines += events.length;
            const { code, stderr } = await run(directory, flags, 150 * Math.random() ** 2);
            expect({ which, i, stderr }).toEqual({ which, i, stderr: "" });
            if (code === null) killed += 1;
            watchRoots(directory, roots);
          }

          expect(await run(directory, flags)).toMatchObject({ code: 0, stderr: "" });
          watchRoots(directory, roots);
          const files = readStore(join(directory, "store"));
          const batches = batchesOf(files);
          const records = Buffer.concat(batches.map(({ data }) => data)).toString();
          expect(records === readFileSync(join(directory, "a.log"), "utf8")).toBe(true);
          const model = await modelStore(batches, [readKeyFile(systemFiles, join(directory, "audit.key"))]);
          expect(summaryOf(files)).toEqual(summaryOf(model));
          expect(readdirSync(join(directory, "store.signer"))).toEqual(["state.json"]);
        }),
      );
    },
  );
});
