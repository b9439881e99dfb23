import { spawn } from "node:child_process";
import { once } from "node:events";
import { appendFileSync, existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { readKeyFile } from "../../src/logs/key-file.ts";
import { batchPath } from "../../src/logs/layout.ts";
import { parseLeaf } from "../../src/logs/leaf.ts";
import { parseNote } from "../../src/logs/note.ts";
import { bundlePath, parseBundle } from "../../src/logs/tiles.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import {
  eventOf,
  type ModelBatch,
  modelStore,
  readStore,
  type StoreFiles,
  summaryOf,
} from "../logs/store-model.ts";
import { requireEngines } from "../peers/engines.ts";
import { scratch } from "../support/scratch.ts";

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

/** In CI 200 times; elsewhere a sample. Two logs at once, one for each core. */
const KILLS = requireEngines ? 100 : 15;

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

/** The batches of a store, with the times that its leaves state. */
function batchesOf(files: StoreFiles): ModelBatch[] {
  const sequence = [...files.keys()]
    .filter((path) => path.startsWith("fleetsec/batch/"))
    .map((_, seq) => seq);
  const size = sequence.length;
  const bundles = Array.from({ length: Math.ceil(size / 256) }, (_, index) => {
    const width = Math.min(256, size - index * 256);
    return parseBundle(files.get(bundlePath(index, width)) ?? Buffer.of(), width);
  });
  return bundles
    .flat()
    .map((leaf, seq) => ({ ...parseLeaf(leaf), data: files.get(batchPath(seq)) ?? Buffer.of() }));
}

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

  test(
    "killed at random moments loses no line, doubles none, and never has two roots at one size",
    { timeout: 600_000 },
    async () => {
      // two at once: one core each
      await Promise.all(
        [0, 1].map(async (which) => {
          const directory = scratch();
          expect(await run(directory, ["logs", "keygen", "--origin", "e2e/audit"])).toMatchObject({
            code: 0,
          });
          const roots = new Map<string, string>();
          let [lines, killed] = [0, 0];
          for (let i = 0; i < KILLS; i += 1) {
            const events = Array.from({ length: 60 }, (_, n) => `${JSON.stringify(eventOf(lines + n))}\n`);
            appendFileSync(join(directory, "a.log"), events.join(""));
            lines += events.length;
            const { code, stderr } = await run(directory, sign, 150 * Math.random() ** 2);
            expect({ which, i, stderr }).toEqual({ which, i, stderr: "" });
            if (code === null) killed += 1;
            watchRoots(directory, roots);
          }
          expect(killed).toBeGreaterThan(KILLS / 2);

          expect(await run(directory, sign)).toMatchObject({ code: 0, stderr: "" });
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
