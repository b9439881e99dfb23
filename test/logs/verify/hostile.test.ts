import { execFileSync } from "node:child_process";
import {
  mkdirSync,
  openSync,
  closeSync,
  ftruncateSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { formatCheckpoint } from "../../../src/logs/checkpoint.ts";
import { signNote } from "../../../src/logs/signer.ts";
import { formatVerifierKey } from "../../../src/logs/verifier-key.ts";
import { verifyLog } from "../../../src/logs/verify/verify.ts";
import type { Files, OpenFile } from "../../../src/platform/files.ts";
import { runCli } from "../../support/cli.ts";
import { scratch } from "../../support/scratch.ts";
import { modelSigner, modelStore, readStore, type StoreFiles, writeStore } from "../store-model.ts";
import { flip, withFile } from "./tamper.ts";
import { anchorIn, batchesOf, partsFor, requestFor, verifyFiles } from "./verifying.ts";

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(3, 5));
});

interface Found {
  readonly findings: readonly { readonly code: string; readonly path?: string }[];
}

/** Verifies a store on disk, after `damage`. */
async function verifyDamaged(
  damage: (store: string) => void,
): Promise<{ code: number; codes: string[]; paths: (string | undefined)[] }> {
  const cwd = scratch();
  const store = join(cwd, "log");
  writeStore(store, model);
  damage(store);
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  const { code, stdout } = await runCli(["verify-logs", "log", "--trust", "log.pub", "--json"], {
    cwd,
    userState: join(cwd, "user"),
  });
  const { findings } = JSON.parse(stdout) as Found;
  return { code, codes: findings.map((finding) => finding.code), paths: findings.map(({ path }) => path) };
}

describe("what is no regular file is named, and never followed or waited for", () => {
  const BATCH = "fleetsec/batch/001.jsonl";

  test("the control", async () => {
    expect(await verifyDamaged(() => {})).toMatchObject({ code: 3, codes: [] });
  });

  test.each<[string, (path: string, store: string) => void]>([
    [
      "a symlink to the very file",
      (path, store) => {
        renameSync(path, join(dirname(store), "elsewhere"));
        symlinkSync(join(dirname(store), "elsewhere"), path);
      },
    ],
    ["a symlink to a device", (path) => replace(path, () => symlinkSync("/dev/zero", path))],
    ["a dangling symlink", (path) => replace(path, () => symlinkSync("nowhere", path))],
    ["a FIFO", (path) => replace(path, () => execFileSync("mkfifo", [path]))],
    ["a directory", (path) => replace(path, () => mkdirSync(path))],
  ])("%s in the place of a batch", async (_, damage) => {
    const result = await verifyDamaged((store) => damage(join(store, BATCH), store));
    expect(result).toEqual({ code: 1, codes: ["UNEXPECTED_FILE"], paths: [BATCH] });
  });

  test("a directory of the log that is a symlink", async () => {
    const result = await verifyDamaged((store) => {
      renameSync(join(store, "fleetsec"), join(dirname(store), "moved"));
      symlinkSync("../moved", join(store, "fleetsec"));
    });
    expect(result.code).toBe(1);
    expect(result.paths).toContain("fleetsec");
  });

  test("a loop of symlinks, and folders as deep as they can be", async () => {
    const result = await verifyDamaged((store) => {
      symlinkSync(".", join(store, "tile/loop"));
      mkdirSync(join(store, `fleetsec/batch/${"x001/".repeat(300)}`), { recursive: true });
    });
    expect(result).toEqual({
      code: 1,
      codes: ["UNEXPECTED_FILE", "UNEXPECTED_FILE"],
      paths: [`fleetsec/batch/${"x001/".repeat(6)}`.slice(0, -1), "tile/loop"],
    });
  });

  function replace(path: string, make: () => void): void {
    unlinkSync(path);
    make();
  }
});

describe("sizes that are claimed", () => {
  test("a batch, a sidecar, a tile, a bundle and a checkpoint of 10 GB cost next to nothing", async () => {
    const started = process.cpuUsage();
    const before = process.memoryUsage().rss;
    const result = await verifyDamaged((store) => {
      for (const path of [
        "fleetsec/batch/001.jsonl",
        "fleetsec/hashes/002",
        "tile/0/000.p/3",
        "tile/entries/000.p/3",
        "checkpoint",
      ]) {
        const fd = openSync(join(store, path), "r+");
        ftruncateSync(fd, 10 * 2 ** 30);
        closeSync(fd);
      }
    });
    expect(result.code).toBe(1);
    expect(new Set(result.codes)).toEqual(
      new Set(["NOTE_MALFORMED", "TILE_ALTERED", "BUNDLE_SURPLUS", "TRAILING_DATA", "SIDECAR_ALTERED"]),
    );
    expect(process.cpuUsage(started).user / 1e6).toBeLessThan(5);
    expect(process.memoryUsage().rss - before).toBeLessThan(150 * 2 ** 20);
  });

  test.each([2 ** 40, Number.MAX_SAFE_INTEGER])("a signed checkpoint that claims %d leaves", async (size) => {
    const text = formatCheckpoint({ origin: "fleet.internal/audit", size, root: Buffer.alloc(32, 7) });
    const store = withFile(model, "checkpoint", await signNote(text, [modelSigner()]));
    const { findings, ok } = await verifyFiles(store, { anchors: [anchorIn(model)] });
    expect(ok).toBe(false);
    expect(findings.length).toBeLessThan(50);
    const codes = findings.map(({ code }) => code);
    for (const code of ["BATCH_MISSING", "TILE_MISSING", "CHECKPOINT_MISSING", "LEAF_MISMATCH"])
      expect(codes).toContain(code);
  });

  test("a size beyond 2^53 is no size", async () => {
    const note =
      model
        .get("checkpoint")
        ?.toString()
        .replace("\n3\n", `\n${2n ** 60n}\n`) ?? "";
    const { findings } = await verifyFiles(withFile(model, "checkpoint", note));
    expect(findings).toMatchObject([{ code: "NOTE_MALFORMED", path: "checkpoint" }]);
  });

  test("a bundle of a million empty entries", async () => {
    const { findings, ok } = await verifyFiles(
      withFile(model, "tile/entries/000.p/3", Buffer.alloc(2_000_000)),
    );
    expect(ok).toBe(false);
    expect(findings.length).toBeLessThan(20);
    expect(findings[0]).toMatchObject({ path: "tile/entries/000.p/3" });
  });

  test("what of a bundle was not looked at is not counted as if it had been", async () => {
    const path = "tile/entries/000.p/3";
    const bundle = model.get(path) ?? Buffer.of();
    const bundleWith = async (more: Buffer) => {
      const { findings } = await verifyFiles(withFile(model, path, Buffer.concat([bundle, more])));
      expect(findings).toMatchObject([{ code: "BUNDLE_SURPLUS", path, offset: bundle.length }]);
      return findings[0]?.detail ?? "";
    };
    const longest = 256 * (2 + 65_535);
    const notRead = `longer than ${longest} bytes, the most that a bundle can have, and was not read further`;
    for (const size of [longest + 1, 2 * longest]) {
      const detail = await bundleWith(Buffer.alloc(size - bundle.length));
      expect(detail).toMatch(
        /^1021 entries .*, and \d+ bytes in which no more were looked for; the file is /,
      );
      expect(detail).toContain(notRead);
    }
    // the controls: all of it was
    expect(await bundleWith(Buffer.alloc(2 * 1000))).toBe("1000 entries that the signed tree does not have");
    expect(await bundleWith(Buffer.alloc(100, 0xff))).toBe("100 bytes that are no entry");
    const full = await bundleWith(Buffer.alloc(longest - bundle.length));
    expect(full).toMatch(/ bytes in which no more were looked for$/);
  });

  test("a batch of nothing but newlines, and one line of 50 MB", async () => {
    const newlines = await verifyFiles(
      withFile(model, "fleetsec/batch/001.jsonl", Buffer.alloc(3_000_000, 0x0a)),
    );
    expect(newlines.ok).toBe(false);
    expect(newlines.findings.length).toBeLessThan(1100);
    const line = await verifyFiles(
      withFile(model, "fleetsec/batch/001.jsonl", Buffer.alloc(50_000_000, 0x61)),
    );
    expect(line.findings.map(({ code }) => code)).toContain("RECORD_ALTERED");
  });

  test("20,000 stray files: all counted, the first 10,000 listed", async () => {
    const store = new Map(model);
    for (let i = 0; i < 20_000; i++) store.set(`stray-${i}`, Buffer.of());
    const { findings, counts, omitted } = await verifyFiles(store);
    expect(counts).toEqual({ UNEXPECTED_FILE: 20_000 });
    expect([findings.length, omitted]).toEqual([10_000, 10_000]);
  });

  test("a batch in which every one of 20,000 lines is altered", async () => {
    const large = await modelStore([
      {
        data: Buffer.from(Array.from({ length: 20_000 }, (_, i) => `{"a":${i}}\n`).join("")),
        from: 0,
        to: 0,
      },
    ]);
    const other = Buffer.from(Array.from({ length: 20_000 }, (_, i) => `{"b":${i}}\n`).join(""));
    const { findings } = await verifyFiles(withFile(large, "fleetsec/batch/000.jsonl", other));
    expect(findings).toHaveLength(1001);
    expect(findings.filter(({ to }) => to !== undefined)).toMatchObject([
      { code: "RECORD_ALTERED", from: 1001, to: 20_000 },
    ]);
  });
});

describe("what cannot be read", () => {
  test("is not established: never intact, never altered", async () => {
    expect((await verifyFiles(model, { anchors: [anchorIn(model)] })).verdict).toBe("intact");
    const denied = await verifyFiles(model, {
      anchors: [anchorIn(model)],
      unreadable: "fleetsec/batch/001.jsonl",
    });
    expect(denied).toMatchObject({
      verdict: "not-established",
      ok: false,
      findings: [],
      kept: { now: "not" },
    });
    expect(denied.unestablished).toHaveLength(1);
  });

  test.each([
    "checkpoint",
    "fleetsec/checkpoint/2",
    "fleetsec/batch/001.jsonl",
    "fleetsec/hashes/001",
    "tile/0/000.p/3",
    "tile/0/000.p/1",
    "tile/entries/000.p/3",
    "tile/entries/000.p/2",
  ])(
    "nor is what goes away while it is verified, nor what cannot be read, on threads or none: %s",
    async (path) => {
      for (const count of [1, 2]) {
        for (const fault of [{ gone: path }, { unreadable: path }]) {
          const asked = { anchors: [anchorIn(model)], threads: { count, from: 0 } };
          expect((await verifyFiles(model, asked)).verdict).toBe("intact");
          const result = await verifyFiles(model, { ...asked, ...fault });
          expect(result).toMatchObject({ ok: false, kept: { now: "not" } });
          expect(result.unestablished).toEqual([expect.stringContaining(`${path} could not be read`)]);
        }
      }
    },
  );

  test("a signal ends the verification", async () => {
    const controller = new AbortController();
    controller.abort(new FleetsecError("interrupted", "interrupted"));
    await expect(verifyFiles(model, { signal: controller.signal })).rejects.toMatchObject({
      code: "interrupted",
    });
  });
});

describe("files that change while they are read", () => {
  /** The store's files, of which one gives other bytes, or other lengths, than when it was opened. */
  const verifyChanging = (path: string, change: (file: OpenFile) => OpenFile) => {
    const asked = { anchors: [anchorIn(model)] };
    const parts = partsFor(model, {});
    const open: Files["open"] = (at, options) => {
      const file = parts.files.open(at, options);
      return at === `/store/${path}` ? change(file) : file;
    };
    const request = { ...requestFor(asked), threads: { count: 1, from: 0 } };
    return verifyLog(request, { ...parts, files: { ...parts.files, open } });
  };
  const PATHS = [
    "checkpoint",
    "fleetsec/checkpoint/2",
    "fleetsec/batch/001.jsonl",
    "fleetsec/hashes/001",
    "tile/0/000.p/3",
    "tile/entries/000.p/3",
  ];

  test.each(PATHS)("the control: %s as it is", async (path) => {
    expect((await verifyChanging(path, (file) => file)).verdict).toBe("intact");
  });

  test.each(PATHS)("%s never ends", async (path) => {
    const result = await verifyChanging(path, (file) => ({
      ...file,
      size: 10 * 2 ** 30,
      read: (into, position) => {
        const read = file.read(into, position);
        into.fill(0x61, read);
        return into.length;
      },
    }));
    expect(result.verdict).toBe("altered");
    expect(new Set(result.findings.map((finding) => finding.path))).toEqual(new Set([path]));
  });

  test.each(PATHS)("%s shrinks to nothing once it is open", async (path) => {
    const result = await verifyChanging(path, (file) => ({ ...file, read: () => 0 }));
    expect(result.verdict).toBe("altered");
  });

  test("a batch that grows is as it was signed up to there, and what came is said", async () => {
    let size = 0;
    const result = await verifyChanging("fleetsec/batch/001.jsonl", (file) => ({
      ...file,
      size: file.size + (size += 100),
      read: (into, position) => {
        const read = file.read(into, position);
        return read === 0 && position < file.size + size ? into.fill(0x61).length : read;
      },
    }));
    expect(result.findings).toMatchObject([{ code: "TRAILING_DATA", seq: 1, line: 6 }]);
    expect(result.checked.batches).toBe(3);
  });
});

test("a verification changes nothing in the store, not even where it finds faults", async () => {
  const cwd = scratch();
  for (const store of [model, flip(model, "fleetsec/batch/000.jsonl", 3)]) {
    rmSync(join(cwd, "log"), { recursive: true, force: true });
    writeStore(join(cwd, "log"), store);
    writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
    await runCli(["verify-logs", "log", "--trust", "log.pub"], { cwd, userState: join(cwd, "user") });
    expect(readStore(join(cwd, "log"))).toEqual(store);
  }
  expect(readdirSync(cwd).sort()).toEqual(["log", "log.pub", "user"]);
});
