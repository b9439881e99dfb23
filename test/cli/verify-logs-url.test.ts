import type { RequestListener } from "node:http";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { beforeAll, expect, test } from "vitest";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { modelSigner, modelStore, type StoreFiles } from "../logs/store-model.ts";
import { flip, withFile, without } from "../logs/verify/tamper.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { type CliOptions, runCli } from "../support/cli.ts";
import { serveHttp } from "../support/http-server.ts";
import { scratch } from "../support/scratch.ts";

const SIZE = 300;
const system = systemPlatform(new AbortController().signal);

let model: StoreFiles;
beforeAll(async () => {
  model = await modelStore(batchesOf(SIZE, 1));
});

/** Serves files, and lets `instead` answer where it returns true. */
function serving(
  files: StoreFiles,
  instead: (...args: Parameters<RequestListener>) => boolean = () => false,
) {
  return serveHttp((request, response) => {
    if (instead(request, response)) return;
    const data = files.get((request.url ?? "").slice("/log/".length));
    response.writeHead(data === undefined ? 404 : 200).end(data);
  });
}

/** Verifies the log at a URL twice with one state: the second time it is anchored by the first. */
async function verify(url: string, options: Partial<CliOptions> & { readonly signer?: string } = {}) {
  const cwd = scratch();
  const copies: string[] = [];
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner(options.signer).key)}\n`);
  const run = () =>
    runCli(["verify-logs", "--tlog", url, "--trust", "log.pub", "--json"], {
      cwd,
      userState: join(cwd, "user"),
      clock: { ...system.clock, sleep: async () => {} },
      files: {
        ...system.files,
        makeDirectory(path, mode) {
          if (path.includes("fleetsec-log-")) copies.push(path);
          system.files.makeDirectory(path, mode);
        },
      },
      ...options,
    });
  const first = await run();
  const { code, stdout } = await run();
  const document = JSON.parse(stdout) as {
    code?: string;
    checked?: { records: number };
    findings?: { code: string; path?: string; seq?: number }[];
  };
  expect(copies.filter((path) => existsSync(path))).toEqual([]);
  return {
    first: first.code,
    code,
    error: document.code,
    records: document.checked?.records,
    findings: document.findings && [
      ...new Set(document.findings.map((finding) => `${finding.code} ${finding.path ?? ""}`)),
    ],
  };
}

test("a log at a URL verifies from what its checkpoint names, and nothing else is asked for", async () => {
  const { url, requests } = await serving(model);
  expect(await verify(`${url}log`)).toEqual({
    first: 3,
    code: 0,
    error: undefined,
    records: SIZE,
    findings: [],
  });
  const paths = [
    "checkpoint",
    "tile/0/000",
    "tile/0/001.p/44",
    "tile/1/000.p/1",
    "tile/entries/000",
    "tile/entries/001.p/44",
  ];
  expect(requests.slice(0, paths.length).toSorted()).toEqual(paths.map((path) => `GET /log/${path}`));
});

test("also where the log has grown, and removed the partial tiles of that size", async () => {
  const grown = await modelStore(batchesOf(512, 1));
  const files = withFile(grown, "checkpoint", model.get("checkpoint") ?? "");
  files.delete("fleetsec/checkpoint/300");
  expect([...files.keys()].filter((path) => path.startsWith("tile/0/001"))).toEqual(["tile/0/001"]);
  const { url } = await serving(files);
  expect(await verify(`${url}log/`)).toMatchObject({ code: 0, records: SIZE, findings: [] });
});

test("also from a server that is busy now and then, and compresses", async () => {
  const asked = new Map<string | undefined, number>();
  const { url } = await serving(model, (request, response) => {
    // each path is given at the third request, whatever else is asked for meanwhile
    const before = asked.get(request.url) ?? 0;
    asked.set(request.url, (before + 1) % 3);
    if (before < 2) response.writeHead(before === 0 ? 503 : 429).end();
    else {
      const data = model.get((request.url ?? "").slice("/log/".length)) ?? "";
      response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(data));
    }
    return true;
  });
  expect(await verify(`${url}log/`)).toMatchObject({ code: 0, findings: [] });
});

test.each<[string, (files: StoreFiles) => StoreFiles, string[]]>([
  ["a leaf altered", (files) => flip(files, "tile/entries/000", 40), ["LEAF_MISMATCH tile/entries/000"]],
  ["a tile altered", (files) => flip(files, "tile/0/001.p/44", 40), ["TILE_ALTERED tile/0/001.p/44"]],
  ["a tile missing", (files) => without(files, "tile/1/000.p/1"), ["TILE_MISSING tile/1/000.p/1"]],
  [
    "a bundle longer than any",
    (files) =>
      withFile(
        files,
        "tile/entries/000",
        Buffer.concat([files.get("tile/entries/000") ?? Buffer.of(), Buffer.alloc(20_000_000)]),
      ),
    ["BUNDLE_SURPLUS tile/entries/000"],
  ],
  ["a checkpoint altered", (files) => flip(files, "checkpoint", 25), ["SIG_INVALID checkpoint"]],
  [
    "a checkpoint that never ends",
    (files) => withFile(files, "checkpoint", Buffer.alloc(3_000_000, "a")),
    ["NOTE_MALFORMED checkpoint"],
  ],
])("finds %s", async (_what, damage, findings) => {
  const { url } = await serving(damage(new Map(model)));
  expect(await verify(`${url}log/`)).toMatchObject({ code: 1, findings });
});

test("asks for nothing that only an unknown key signed", async () => {
  const { url, requests } = await serving(model);
  expect(await verify(`${url}log/`, { signer: "other.example/log" })).toMatchObject({
    code: 1,
    findings: ["ORIGIN_MISMATCH checkpoint"],
  });
  expect(new Set(requests)).toEqual(new Set(["GET /log/checkpoint"]));
});

test.each<[string, (...args: Parameters<RequestListener>) => boolean]>([
  ["is never there", (request) => (request.socket.destroy(), true)],
  ["has no log", (_request, response) => (response.writeHead(404).end(), true)],
  [
    "wants a login for a tile",
    (request, response) => request.url === "/log/tile/0/000" && (response.writeHead(403).end(), true),
  ],
  [
    "is busy with one tile for good",
    (request, response) => request.url === "/log/tile/0/000" && (response.writeHead(503).end(), true),
  ],
  [
    "redirects",
    (_request, response) => (response.writeHead(302, { location: "http://127.0.0.1:1/" }).end(), true),
  ],
])("a server that %s: not established", async (_what, instead) => {
  const { url } = await serving(model, instead);
  expect(await verify(`${url}log/`)).toMatchObject({ first: 3, code: 3, error: "unreachable" });
});

test("a server that never ends its answer: not established, in bounded time", async () => {
  const { url } = await serving(
    model,
    (request, response) =>
      request.url === "/log/tile/0/000" && (response.writeHead(200), response.flushHeaders(), true),
  );
  const network: CliOptions["network"] = {
    ...system.network,
    request: (request) =>
      system.network.request(
        request.url.pathname === "/log/tile/0/000" ? { ...request, timeout: 20 } : request,
      ),
  };
  expect(await verify(`${url}log/`, { network })).toMatchObject({ code: 3, error: "unreachable" });
});

test("a log at a URL does not vouch for itself", async () => {
  const { url } = await serving(model);
  const cwd = scratch();
  writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
  const run = async (anchor: string) => {
    const argv = ["verify-logs", "--tlog", `${url}log`, "--trust", "log.pub", "--anchor", anchor, "--json"];
    const { code, stdout } = await runCli(argv, { cwd, userState: join(cwd, "user") });
    return { exit: code, ...(JSON.parse(stdout) as object) };
  };
  expect(await run(`${url}log/checkpoint`)).toMatchObject({ exit: 2, code: "usage" });
  const { url: elsewhere } = await serving(model);
  expect(await run(`${elsewhere}log/checkpoint`)).toMatchObject({
    exit: 0,
    anchors: [{ kind: "file", size: SIZE }],
  });
});
