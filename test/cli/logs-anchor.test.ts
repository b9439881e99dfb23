import { existsSync, mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import type { RequestListener } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { systemPlatform } from "../../src/platform/system.ts";
import { anchoringIn, MODEL_NAME, type ModelLogs, modelLogs } from "../logs/anchoring.ts";
import { runCli } from "../support/cli.ts";
import { serveHttp } from "../support/http-server.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const system = systemPlatform(new AbortController().signal);
let logs: ModelLogs;
beforeAll(async () => {
  logs = await modelLogs();
});

describe("a directory", () => {
  test("is given each checkpoint under its size, once, and anchors the log up to the newest", async () => {
    const cwd = scratch();
    const { anchor, verify } = anchoringIn(cwd, logs);
    const report = await anchor("older", "--to", "kept");
    const { exit: _exit, ...document } = report;
    expect(schemaErrors(document)).toEqual([]);
    expect(report).toMatchObject({
      exit: 0,
      ok: true,
      places: [{ outcome: "published", at: `kept/${MODEL_NAME}/3` }],
    });
    expect(await anchor("newer", "--to", "kept")).toMatchObject({
      exit: 0,
      places: [{ outcome: "published" }],
    });
    expect(await anchor("newer", "--to", "kept")).toMatchObject({
      exit: 0,
      places: [{ outcome: "present" }],
    });
    expect(readdirSync(join(cwd, "kept", MODEL_NAME))).toEqual(["3", "5"]);
    expect(await verify("newer", "kept")).toMatchObject({
      exit: 0,
      verdict: "intact",
      anchors: [{ kind: "file", size: 5, source: `kept/${MODEL_NAME}/5` }],
    });
    expect(await verify("older", "kept")).toMatchObject({ exit: 1, findings: [{ code: "TAIL_TRUNCATED" }] });
    expect(await verify("newer")).toMatchObject({ exit: 3, verdict: "unanchored" });
  });

  test("is given no checkpoint that an older one there contradicts", async () => {
    const cwd = scratch();
    const { anchor } = anchoringIn(cwd, logs);
    await anchor("older", "--to", "kept", "other");
    const before = readdirSync(join(cwd, "kept", MODEL_NAME));
    const report = await anchor("forked", "--to", "kept", "empty");
    expect(report).toMatchObject({ exit: 1, places: [{ outcome: "refused" }, { outcome: "published" }] });
    expect(report.places[0]?.detail).toContain("INCONSISTENT_WITH_ANCHOR");
    expect(report.places[0]?.detail).toContain(`size 3: kept/${MODEL_NAME}/3`);
    expect(readdirSync(join(cwd, "kept", MODEL_NAME))).toEqual(before);
    // the control: its continuation is published beside the same one
    expect(await anchor("newer", "--to", "other")).toMatchObject({
      exit: 0,
      places: [{ outcome: "published" }],
    });
    // tiles that do not tell are not taken for agreement
    writeFileSync(join(cwd, "newer/tile/0/000.p/5"), Buffer.alloc(5 * 32));
    expect(await anchor("newer", "--to", "kept")).toMatchObject({ exit: 3, places: [{ outcome: "failed" }] });
  });

  test("is given no checkpoint older than what it has", async () => {
    const cwd = scratch();
    const { anchor } = anchoringIn(cwd, logs);
    expect(await anchor("newer", "--to", "kept")).toMatchObject({ exit: 0 });
    const report = await anchor("older", "--to", "kept");
    expect(report).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
    expect(report.places[0]?.detail).toContain("TAIL_TRUNCATED: the place has a newer checkpoint, of size 5");
    expect(readdirSync(join(cwd, "kept", MODEL_NAME))).toEqual(["5"]);
    expect(await anchor("newer", "--to", "kept")).toMatchObject({
      exit: 0,
      places: [{ outcome: "present" }],
    });
  });

  test("keeps the first of two histories, and refuses the second", async () => {
    const cwd = scratch();
    const { anchor, verify } = anchoringIn(cwd, logs);
    await anchor("newer", "--to", "kept");
    const before = readFileSync(join(cwd, "kept", MODEL_NAME, "5"));
    const report = await anchor("forked", "--to", "kept", "also");
    expect(report).toMatchObject({
      exit: 1,
      ok: false,
      places: [{ outcome: "refused" }, { outcome: "published" }],
    });
    expect(readFileSync(join(cwd, "kept", MODEL_NAME, "5"))).toEqual(before);
    expect((await verify("forked", "kept")).findings.map(({ code }) => code)).toContain("EQUIVOCATION");
  });
});

describe("a URL", () => {
  /** A server that keeps what is PUT, and has `instead` answer where that returns true. */
  const keeping = (instead: (...args: Parameters<RequestListener>) => boolean = () => false) => {
    const kept = new Map<string, Buffer>();
    const tokens: (string | undefined)[] = [];
    const listener: RequestListener = (request, response) => {
      if (request.method === "PUT") tokens.push(request.headers.authorization);
      if (instead(request, response)) return;
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        const path = request.url ?? "";
        const held = kept.get(path);
        if (request.method === "PUT") kept.set(path, Buffer.concat(chunks));
        response.writeHead(request.method === "PUT" || held !== undefined ? 200 : 404).end(held);
      });
    };
    return { kept, tokens, listener };
  };
  const options = { clock: { ...system.clock, sleep: async () => {} } };

  test("is given the newest checkpoint, and anchors the log up to it", async () => {
    const { kept, tokens, listener } = keeping();
    const { url } = await serveHttp(listener);
    const { anchor, verify } = anchoringIn(scratch(), logs, {
      ...options,
      env: { FLEETSEC_ANCHOR_TOKEN: "secret" },
    });
    const at = `${url}audit`;
    expect(await anchor("older", "--to", at)).toMatchObject({
      exit: 0,
      places: [{ outcome: "published", at }],
    });
    expect(await anchor("newer", "--to", at)).toMatchObject({ exit: 0, places: [{ outcome: "published" }] });
    expect(await anchor("newer", "--to", at)).toMatchObject({ exit: 0, places: [{ outcome: "present" }] });
    expect(tokens).toEqual(["Bearer secret", "Bearer secret"]);
    expect(await verify("newer", at)).toMatchObject({
      exit: 0,
      anchors: [{ kind: "file", size: 5, source: at }],
    });
    expect(await verify("older", at)).toMatchObject({ exit: 1, findings: [{ code: "TAIL_TRUNCATED" }] });
    // neither an older checkpoint nor another history takes its place
    const before = kept.get("/audit");
    expect(await anchor("older", "--to", at)).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
    expect(await anchor("forked", "--to", at)).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
    expect(kept.get("/audit")).toBe(before);
  });

  test("is given no checkpoint that the older one there contradicts", async () => {
    const { kept, listener } = keeping();
    const { url } = await serveHttp(listener);
    const { anchor } = anchoringIn(scratch(), logs, options);
    await anchor("older", "--to", `${url}one`, `${url}two`);
    const before = kept.get("/one");
    const report = await anchor("forked", "--to", `${url}one`, `${url}three`);
    expect(report).toMatchObject({ exit: 1, places: [{ outcome: "refused" }, { outcome: "published" }] });
    expect(report.places[0]?.detail).toContain(`INCONSISTENT_WITH_ANCHOR`);
    expect(report.places[0]?.detail).toContain(`size 3: ${url}one`);
    expect(kept.get("/one")).toBe(before);
    // the control: its continuation takes the same one's place
    expect(await anchor("newer", "--to", `${url}two`)).toMatchObject({ exit: 0 });
    expect(kept.get("/two")).not.toEqual(before);
    const older = await anchor("older", "--to", `${url}two`);
    expect(older.places[0]?.detail).toContain("TAIL_TRUNCATED");
  });

  test.each<[string, (...args: Parameters<RequestListener>) => boolean]>([
    ["refuses", (request, response) => request.method === "PUT" && (response.writeHead(403).end(), true)],
    [
      "forgets",
      (request, response) =>
        request.method === "PUT" && (request.resume(), response.writeHead(200).end(), true),
    ],
    ["redirects", (_request, response) => (response.writeHead(307, { location: "/other" }).end(), true)],
    ["is busy", (_request, response) => (response.writeHead(503).end(), true)],
  ])("that %s what it is given: not established", async (_what, instead) => {
    const { url } = await serveHttp(keeping(instead).listener);
    const { anchor } = anchoringIn(scratch(), logs, options);
    expect(await anchor("newer", "--to", url, "kept")).toMatchObject({
      exit: 3,
      places: [{ outcome: "failed" }, { outcome: "published" }],
    });
  });

  test("that gives no checkpoint, or that of another log, anchors nothing", async () => {
    const { kept, listener } = keeping();
    const { url } = await serveHttp(listener);
    const { verify } = anchoringIn(scratch(), logs, options);
    expect(await verify("newer", url)).toMatchObject({ exit: 3, code: "unreachable" });
    kept.set("/", Buffer.from("noise"));
    expect(await verify("newer", url)).toMatchObject({ exit: 2, code: "input" });
    kept.set("/", Buffer.alloc(3 << 20, "x"));
    expect(await verify("newer", url)).toMatchObject({ exit: 3, code: "unreachable" });
    kept.set("/", logs.newer.get("checkpoint") ?? Buffer.of());
    expect(await verify("newer", url)).toMatchObject({ exit: 0 });
  });

  test("in the clear, elsewhere than on this machine, is sent no token", async () => {
    const env = { FLEETSEC_ANCHOR_TOKEN: "secret" };
    const { anchor } = anchoringIn(scratch(), logs, { ...options, env });
    expect(await anchor("newer", "--to", "http://anchors.invalid/")).toMatchObject({
      exit: 2,
      code: "refused",
    });
  });
});

describe("nothing is published", () => {
  test.each<[string, string[]]>([
    ["to no place", []],
    ["to an unknown kind of place", ["--to", "ftp://example.org/"]],
    ["into the store", ["--to", "newer/anchors"]],
    ["into the store, where nothing is yet", ["--to", "newer/new/dir"]],
    ["into the store, through a symlink below", ["--to", "linked"]],
    ["with a password in the arguments", ["--to", "https://me:secret@example.org/"]],
    ["to no repository's form", ["--to", "git:repo#a..b"]],
    ["to a repository at a URL", ["--to", "git:https://example.org/repo"]],
    ["to a folder out of the tree", ["--to", "git:repo#main:../up"]],
    ["to no bucket", ["--to", "s3://B/x"]],
    ["to S3 without credentials", ["--to", "s3://bucket/x"]],
    ["locked for a day", ["--to", "kept", "--retain", "1d"]],
    ["locked for ever", ["--to", "kept", "--retain", "40000d"]],
  ])("%s", async (_what, flags) => {
    const cwd = scratch();
    mkdirSync(join(cwd, "newer/anchors"), { recursive: true });
    mkdirSync(dirname(join(cwd, "linked", MODEL_NAME)), { recursive: true });
    symlinkSync(join(cwd, "newer/anchors"), join(cwd, "linked", MODEL_NAME));
    const { anchor } = anchoringIn(cwd, logs, { env: {} });
    expect(await anchor("newer", ...flags)).toMatchObject({ exit: 2, code: "usage" });
    expect(existsSync(join(cwd, "kept"))).toBe(false);
    expect(existsSync(join(cwd, "newer/new"))).toBe(false);
    expect(readdirSync(join(cwd, "newer/anchors"))).toEqual([]);
  });

  test("that no trusted key signed", async () => {
    const cwd = scratch();
    const { anchor } = anchoringIn(cwd, logs);
    const note = logs.newer.get("checkpoint")?.toString() ?? "";
    writeFileSync(join(cwd, "newer/checkpoint"), note.replace("\n5\n", "\n6\n"));
    expect(await anchor("newer", "--to", "kept")).toMatchObject({ exit: 2, code: "input" });
    expect(existsSync(join(cwd, "kept"))).toBe(false);
    writeFileSync(join(cwd, "newer/checkpoint"), note);
    expect(await anchor("newer", "--to", "kept")).toMatchObject({ exit: 0 });
  });
});

test("the outcome as text, and no checkpoint without a trust file", async () => {
  const cwd = scratch();
  anchoringIn(cwd, logs);
  const argv = ["logs", "anchor", "--store", "newer", "--to", "kept"];
  expect(await runCli(argv, { cwd })).toMatchObject({ code: 2 });
  const { code, stdout } = await runCli([...argv, "--trust", "log.pub"], { cwd });
  expect(code).toBe(0);
  expect(stdout).toMatch(
    /^origin  fleet\.internal\/audit\nsize    5\nroot    \S{44}\n\npublished  kept\/\S+\n$/,
  );
  // what is to be copied is not broken
  const place = "p".repeat(100);
  const long = await runCli([...argv.slice(0, -1), place, "--trust", "log.pub"], { cwd });
  expect(long.stdout).toContain(`\npublished  ${place}/${MODEL_NAME}/5\n`);
});
