// @module-tag long
import { execFileSync, spawn } from "node:child_process";
import {
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { formatCheckpoint } from "../../src/logs/checkpoint.ts";
import { signNote } from "../../src/logs/signer.ts";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { scratch } from "../support/scratch.ts";
import { soaked } from "../support/soak.ts";

const FLEETSEC = new URL("../../bin/fleetsec.js", import.meta.url).pathname;
const PRELOAD = new URL("peak-memory.mjs", import.meta.url).pathname;
const MIB = 2 ** 20;
/** Node with our program and nothing to do takes 70 to 100 MiB; what a store claims must not show. */
const MOST = 300 * MIB;
const HUGE = 10 * 2 ** 30;

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(4, 20));
});

interface Outcome {
  readonly code: number | null;
  readonly codes: string[];
  readonly peak: number;
}

/** What the built program says of a store after `damage`, and the memory that it took. */
async function verify(damage: (store: string) => void | Promise<void>, ...flags: string[]): Promise<Outcome> {
  const cwd = scratch();
  const store = join(cwd, "log");
  writeStore(store, model);
  await damage(store);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  const argv = ["--import", PRELOAD, FLEETSEC, "verify-logs", "log", "--trust", "log.pub", "--json"];
  const env = { ...process.env, HOME: cwd, XDG_STATE_HOME: cwd, PEAK_MEMORY: join(cwd, "peak") };
  const child = spawn(process.execPath, [...argv, "--allow-unanchored", ...flags], { cwd, env });
  let stdout = "";
  child.stdout.setEncoding("utf8").on("data", (text: string) => (stdout += text));
  const code = await new Promise<number | null>((resolve) => child.on("close", resolve));
  const { findings } = JSON.parse(stdout) as { findings: { code: string }[] };
  const codes = [...new Set(findings.map((finding) => finding.code))].sort();
  return { code, codes, peak: Number(readFileSync(join(cwd, "peak"), "utf8")) };
}

function grow(path: string, size = HUGE): void {
  const fd = openSync(path, "a");
  ftruncateSync(fd, size);
  closeSync(fd);
}

describe("whatever a store is made of, a verification takes little memory and ends with a finding", () => {
  test("the control", async () => {
    const { code, codes, peak } = await verify(() => {});
    expect([code, codes]).toEqual([0, []]);
    expect(peak).toBeGreaterThan(20 * MIB);
    expect(peak).toBeLessThan(MOST);
  });

  test.each<[string, (store: string) => void | Promise<void>, string]>([
    ["a line of 10 GB in a batch", (store) => grow(join(store, "fleetsec/batch/001.jsonl")), "TRAILING_DATA"],
    [
      "a batch that is nothing but a line of 10 GB",
      (store) => {
        truncateSync(join(store, "fleetsec/batch/001.jsonl"), 0);
        grow(join(store, "fleetsec/batch/001.jsonl"));
      },
      "RECORD_ALTERED",
    ],
    ["a sidecar of 10 GB", (store) => grow(join(store, "fleetsec/hashes/002")), "SIDECAR_ALTERED"],
    [
      "a sidecar of 10 GB beside an altered batch",
      (store) => {
        grow(join(store, "fleetsec/hashes/002"));
        writeFileSync(join(store, "fleetsec/batch/002.jsonl"), "{}\n");
      },
      "BATCH_ALTERED",
    ],
    ["a checkpoint of 10 GB", (store) => grow(join(store, "checkpoint")), "NOTE_MALFORMED"],
    ["an older checkpoint of 10 GB", (store) => grow(join(store, "fleetsec/checkpoint/2")), "NOTE_MALFORMED"],
    ["cosignatures of 10 GB", (store) => grow(join(store, "fleetsec/cosigned")), "NOTE_MALFORMED"],
    ["a tile of 10 GB", (store) => grow(join(store, "tile/0/000.p/4")), "TILE_ALTERED"],
    ["a bundle of 10 GB", (store) => grow(join(store, "tile/entries/000.p/4")), "BUNDLE_SURPLUS"],
    ["an older bundle of 10 GB", (store) => grow(join(store, "tile/entries/000.p/2")), "TILE_CONFLICT"],
    [
      "tiles of 10 GB at every level and place",
      (store) => {
        for (let level = 0; level < 64; level += 4) {
          mkdirSync(join(store, `tile/${level}/x001`), { recursive: true });
          for (let n = 0; n < 10; n++) grow(join(store, `tile/${level}/x001/00${n}`));
        }
      },
      "UNEXPECTED_FILE",
    ],
    [
      "bundles of 10 GB beyond the tree",
      (store) => {
        mkdirSync(join(store, "tile/entries/x001"), { recursive: true });
        for (let n = 0; n < 10; n++) grow(join(store, `tile/entries/x001/00${n}`));
      },
      "UNEXPECTED_FILE",
    ],
    [
      "the last tile that there can be",
      (store) => {
        const folder = join(store, "tile/entries/x999/x999/x999/x999/x999");
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, "999"), "");
      },
      "UNEXPECTED_FILE",
    ],
    [
      "a bundle of as many empty entries as fit",
      (store) => writeFileSync(join(store, "tile/entries/000.p/4"), Buffer.alloc(16 * MIB)),
      "LEAF_MISMATCH",
    ],
    [
      "a checkpoint that the log's key signed over 2^50 leaves",
      async (store) => {
        const text = formatCheckpoint({
          origin: modelSigner().key.name,
          size: 2 ** 50,
          root: Buffer.alloc(32),
        });
        writeFileSync(join(store, "checkpoint"), await signNote(text, [modelSigner()]));
      },
      "BATCH_MISSING",
    ],
    [
      "the last batch that there can be",
      (store) => {
        const folder = join(store, "fleetsec/batch/x009/x007/x199/x254/x740");
        mkdirSync(folder, { recursive: true });
        writeFileSync(join(folder, "991.jsonl"), "");
      },
      "BATCH_UNSIGNED",
    ],
    [
      "folders within folders",
      (store) => mkdirSync(join(store, `tile/entries/${"x001/".repeat(400)}`), { recursive: true }),
      "UNEXPECTED_FILE",
    ],
    [
      "symlinks out of the tree, to devices, and in a circle",
      (store) => {
        symlinkSync("/", join(store, "fleetsec/batch/x001"));
        symlinkSync("/dev/zero", join(store, "fleetsec/hashes/100"));
        symlinkSync("..", join(store, "tile/5"));
        rmSync(join(store, "fleetsec/batch/003.jsonl"));
        symlinkSync("/proc/kcore", join(store, "fleetsec/batch/003.jsonl"));
      },
      "UNEXPECTED_FILE",
    ],
    [
      "FIFOs in the place of everything",
      (store) => {
        for (const path of model.keys()) {
          rmSync(join(store, path));
          execFileSync("mkfifo", [join(store, path)]);
        }
      },
      "UNEXPECTED_FILE",
    ],
    [
      "directories in the place of everything",
      (store) => {
        for (const path of model.keys()) {
          rmSync(join(store, path));
          mkdirSync(join(store, path));
        }
      },
      "UNEXPECTED_FILE",
    ],
    [
      "names that no file of a log has",
      (store) => {
        for (const name of [
          "\u001b[2J",
          "\n",
          "-rf",
          "a".repeat(255),
          "…",
          "\u202e",
          "__proto__",
          "constructor",
        ]) {
          for (const folder of ["", "tile", "fleetsec/batch"]) writeFileSync(join(store, folder, name), "x");
        }
      },
      "UNEXPECTED_FILE",
    ],
  ])(
    "%s",
    async (_, damage, wanted) => {
      const { code, codes, peak } = await verify(damage, "--deep", "--threads", "2");
      expect([code, codes]).toEqual([1, expect.arrayContaining([wanted])]);
      expect(peak / MIB).toBeLessThan(MOST / MIB);
    },
    120_000,
  );

  const FILES = soaked(20_000, 1_000_000);
  test(`${FILES} files: batches, sidecars, tiles and strays beyond the tree`, async () => {
    const { code, codes, peak } = await verify((store) => {
      for (let n = 0; n < FILES / 4; n++) {
        const thousand = `x${String(1 + Math.floor(n / 1000)).padStart(3, "0")}`;
        const one = String(n % 1000).padStart(3, "0");
        if (n % 1000 === 0) {
          for (const folder of ["fleetsec/batch", "fleetsec/hashes", "tile/0"])
            mkdirSync(join(store, folder, thousand));
        }
        writeFileSync(join(store, "fleetsec/batch", thousand, `${one}.jsonl`), "");
        writeFileSync(join(store, "fleetsec/hashes", thousand, one), "");
        writeFileSync(join(store, "tile/0", thousand, one), "");
        writeFileSync(join(store, `stray-${n}`), "");
      }
    });
    expect([code, codes]).toEqual([1, expect.arrayContaining(["BATCH_UNSIGNED"])]);
    expect(peak / MIB).toBeLessThan((MOST + FILES * 200) / MIB);
  }, 1_200_000);
});
