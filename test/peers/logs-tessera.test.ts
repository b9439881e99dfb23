import { spawnSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { readStore } from "../logs/store-model.ts";
import { runCli } from "../support/cli.ts";
import { serveHttp } from "../support/http-server.ts";
import { describeWithEngines } from "./engines.ts";

interface Verified {
  readonly verdict: string;
  readonly log: { readonly origin: string; readonly size: number };
  readonly checked: { readonly records: number };
  readonly findings: readonly { readonly code: string; readonly path?: string; readonly seq?: number }[];
}

/** A directory of the suite's own, with a log's keys in it. */
function workplace(origin: string) {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  const run = (...argv: string[]) => runCli(argv, { cwd: directory, userState: join(directory, "user") });
  beforeAll(async () => {
    expect(await run("logs", "keygen", "--origin", origin)).toMatchObject({ code: 0 });
  });
  const verify = async (...flags: string[]) => {
    const { code, stdout } = await run("verify-logs", ...flags, "--json");
    return { code, ...(JSON.parse(stdout) as Verified) };
  };
  return { directory, run, verify };
}

/** Calls `use` with one byte of a file changed, and puts it back. */
async function withByteChanged<T>(path: string, position: number, use: () => Promise<T>): Promise<T> {
  const original = readFileSync(path);
  const changed = Buffer.from(original);
  changed[position] = (changed[position] as number) ^ 1;
  writeFileSync(path, changed);
  try {
    return await use();
  } finally {
    writeFileSync(path, original);
  }
}

describeWithEngines(["tessera-fsck"], "Tessera's fsck", ({ "tessera-fsck": fsck }) => {
  const { directory, run } = workplace("fleet.internal/audit");

  /** It exits with 0 whatever it found: what counts is what it says. */
  const accepts = (url: string) => {
    const args = ["--ui=false", `--storage_url=${url}`, `--public_key=${join(directory, "audit.pub")}`];
    const { stderr, error } = spawnSync(fsck.path, args, { encoding: "utf8", timeout: 60_000 });
    if (error !== undefined) throw error;
    return /Successfully fsck'd log with size (\d+)/.exec(stderr)?.[1];
  };

  test.each([1, 255, 256, 257])("accepts the log that we wrote at size %i", async (size) => {
    writeFileSync(join(directory, "in.log"), Array.from({ length: size }, (_, i) => `line ${i}\n`).join(""));
    const signing = ["--in", "in.log", "--store", "store", "--key", "audit.key", "--max-records", "1"];
    expect(await run("logs", "sign", ...signing)).toMatchObject({ code: 0 });
    expect(accepts(`file://${directory}/store/`)).toBe(String(size));
  });

  test.each([
    ["checkpoint", 25],
    // an altered full tile makes it wait for ever
    ["tile/0/001.p/1", 10],
    ["tile/1/000.p/1", 20],
    ["tile/entries/001.p/1", 60],
  ])("refuses it when a byte of %s is changed", async (path, position) => {
    const url = `file://${directory}/store/`;
    expect(accepts(url)).toBe("257");
    const changed = await withByteChanged(join(directory, "store", path), position, async () => accepts(url));
    expect(changed).toBeUndefined();
  });
});

describeWithEngines(
  ["posix-oneshot"],
  "a log that Tessera's POSIX driver wrote",
  ({ "posix-oneshot": tessera }) => {
    const { directory, verify } = workplace("example.com/tessera");
    const log = join(directory, "log");

    /** Adds entries, each a file of its own. */
    const append = (from: number, to: number) => {
      for (let i = from; i < to; i += 1) writeFileSync(join(directory, `entry-${from}-${i}`), `entry ${i}`);
      const args = [
        `--storage_dir=${log}`,
        `--private_key=${join(directory, "tessera.key")}`,
        `--entries=${join(directory, `entry-${from}-*`)}`,
      ];
      const { status, stderr } = spawnSync(tessera.path, args);
      if (status !== 0) throw new Error(stderr.toString());
    };
    const source = ["--tlog", "log", "--trust", "tessera.pub"];

    beforeAll(() => {
      append(0, 200);
      copyFileSync(join(log, "checkpoint"), join(directory, "older"));
      append(200, 300);
    }, 180_000);

    test("is intact, and continues its older checkpoint", async () => {
      expect(await verify(...source, "--anchor", "older")).toMatchObject({
        code: 0,
        verdict: "intact",
        log: { origin: "example.com/tessera", size: 300 },
        checked: { records: 300 },
        findings: [],
      });
    });

    test("is intact at a URL, and what is altered there is found", async () => {
      const files = readStore(log);
      const { url } = await serveHttp((request, response) => {
        const data = files.get((request.url ?? "").slice(1));
        response.writeHead(data === undefined ? 404 : 200).end(data);
      });
      const remote = ["--tlog", url, "--trust", "tessera.pub", "--anchor", "older"];
      expect(await verify(...remote)).toMatchObject({
        code: 0,
        verdict: "intact",
        checked: { records: 300 },
      });
      const bundle = Buffer.from(files.get("tile/entries/000") ?? "");
      bundle[2] = (bundle[2] as number) ^ 1;
      files.set("tile/entries/000", bundle);
      expect(await verify(...remote)).toMatchObject({
        code: 1,
        findings: [{ code: "LEAF_MISMATCH", seq: 0, path: "tile/entries/000" }],
      });
    });

    describe("is altered", () => {
      test.each([
        ["checkpoint", 24, "SIG_INVALID"],
        ["tile/0/000", 100, "TILE_ALTERED"],
        ["tile/1/000.p/1", 10, "TILE_ALTERED"],
        ["tile/entries/001.p/44", 5, "LEAF_MISMATCH"],
      ])("where a byte of %s is changed", async (path, position, code) => {
        const original = readFileSync(join(log, path));
        const result = await withByteChanged(join(log, path), position, () => verify(...source));
        expect(result).toMatchObject({ code: 1, findings: [{ code, path }] });
        expect(readFileSync(join(log, path))).toEqual(original);
      });

      test("where the older checkpoint was put back", async () => {
        copyFileSync(join(log, "checkpoint"), join(directory, "newer"));
        copyFileSync(join(directory, "older"), join(log, "checkpoint"));
        const result = await verify(...source, "--anchor", "newer");
        copyFileSync(join(directory, "newer"), join(log, "checkpoint"));
        expect(result).toMatchObject({ code: 1, findings: [{ code: "ROLLBACK" }] });
      });
    });
  },
);
