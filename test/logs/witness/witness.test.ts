import { createPublicKey, sign } from "node:crypto";
import { existsSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage, ServerResponse } from "node:http";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "vitest";
import { parseCheckpoint } from "../../../src/logs/checkpoint.ts";
import { verifyConsistency } from "../../../src/logs/merkle-proof.ts";
import { formatNote, parseNote } from "../../../src/logs/note.ts";
import { cosignedMessage, formatVerifierKey, verifierKey } from "../../../src/logs/verifier-key.ts";
import { formatKeyFile } from "../../../src/logs/key-file.ts";
import { signerStatePath } from "../../../src/logs/layout.ts";
import { systemPlatform } from "../../../src/platform/system.ts";
import { runCli } from "../../support/cli.ts";
import { serveHttp } from "../../support/http-server.ts";
import { schemaErrors } from "../../support/schema.ts";
import { scratch } from "../../support/scratch.ts";
import { modelKey, modelSigner, modelStore, type StoreFiles, writeStore } from "../store-model.ts";
import { batchesOf } from "../verify/verifying.ts";

const system = systemPlatform(new AbortController().signal);
const log = formatVerifierKey(modelSigner().key);
const NOW = 1_763_900_000;

let model: StoreFiles;
let older: StoreFiles;
beforeAll(async () => {
  older = await modelStore(batchesOf(255, 1));
  model = await modelStore(batchesOf(258, 1));
});

interface Submitted {
  readonly oldSize: number;
  readonly proof: Buffer[];
  readonly note: string;
}

/** The parts of an add-checkpoint request, by the letter of tlog-witness. */
function submitted(body: string): Submitted {
  const split = body.indexOf("\n\n");
  const [first = "", ...lines] = body.slice(0, split).split("\n");
  const [, digits] = /^old (0|[1-9]\d*)$/.exec(first) ?? [];
  if (digits === undefined) throw new Error(`no old size: ${first}`);
  return {
    oldSize: Number(digits),
    proof: lines.map((line) => Buffer.from(line, "base64")),
    note: body.slice(split + 2),
  };
}

/** The line that a witness of that name answers with. */
function cosignature(note: string, name = "a", time = NOW): string {
  const { text } = parseNote(Buffer.from(note));
  const stamp = Buffer.alloc(8);
  stamp.writeBigUInt64BE(BigInt(time));
  const signature = Buffer.concat([stamp, sign(null, cosignedMessage(text, time), modelKey(name))]);
  const { keyId } = keyOf(name);
  return formatNote({ text, signatures: [{ name: `witness.example/${name}`, keyId, signature }] }).slice(
    text.length + 1,
  );
}

function keyOf(name: string) {
  return verifierKey(`witness.example/${name}`, "cosignature/v1", createPublicKey(modelKey(name)));
}

type Answer = (request: Submitted, response: ServerResponse, message: IncomingMessage) => void;

/** A store, a witness that answers as told, and a policy that demands it. */
async function workplace(answer: Answer, files = model, more: readonly string[] = ["quorum a"]) {
  const { url, requests } = await serveHttp((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => answer(submitted(Buffer.concat(chunks).toString()), response, request));
  });
  const cwd = scratch();
  // what the command reads, of a store of 800 files
  const needed = [...files].filter(([path]) =>
    /^(checkpoint|tile\/\d.*|fleetsec\/checkpoint\/258)$/.test(path),
  );
  writeStore(join(cwd, "log"), new Map(needed));
  const policy = [`log ${log}`, `witness a ${formatVerifierKey(keyOf("a"))} ${url}prefix`, ...more];
  writeFileSync(join(cwd, "policy"), `${policy.join("\n")}\n`);
  const witness = async () => {
    const { code, stdout } = await runCli(
      ["logs", "witness", "--store", "log", "--trust", "policy", "--json"],
      { cwd, clock: { ...system.clock, now: () => NOW * 1000, sleep: async () => {} } },
    );
    return { exit: code, ...(JSON.parse(stdout) as { witnesses?: { outcome: string; detail?: string }[] }) };
  };
  const read = (path: string) => readFileSync(join(cwd, "log", path), "utf8");
  return { cwd, witness, requests, read };
}

const conflict = (response: ServerResponse, size: number | string) =>
  void response.writeHead(409, { "content-type": "text/x.tlog.size" }).end(`${size}\n`);

test("a witness is told from where the log has grown, and its cosignature is kept", async () => {
  const seen: Submitted[] = [];
  const { witness, requests, read } = await workplace((request, response) => {
    seen.push(request);
    if (request.oldSize === 255) response.end(cosignature(request.note, "b") + cosignature(request.note));
    else conflict(response, 255);
  });
  const { exit, ...document } = await witness();
  expect({ exit, ...document }).toMatchObject({
    exit: 0,
    ok: true,
    size: 258,
    quorum: true,
    witnesses: [{ name: "a", outcome: "cosigned" }],
  });
  expect(schemaErrors(document)).toEqual([]);
  expect(requests).toEqual(["POST /prefix/add-checkpoint", "POST /prefix/add-checkpoint"]);
  expect(seen[0]).toMatchObject({ oldSize: 0, proof: [] });
  const [before, after] = [older, model].map((files) =>
    parseCheckpoint(parseNote(files.get("checkpoint") ?? Buffer.of()).text),
  );
  expect(
    verifyConsistency(
      255,
      258,
      seen[1]?.proof ?? [],
      before?.root ?? Buffer.of(),
      after?.root ?? Buffer.of(),
    ),
  ).toBe(true);
  expect(seen[1]?.note).toBe(model.get("checkpoint")?.toString());
  // the witness's own line and no other was added
  expect(read("fleetsec/cosigned")).toBe(
    `${model.get("checkpoint")?.toString()}${cosignature(seen[1]?.note ?? "")}`,
  );
  expect(read("checkpoint")).toBe(read("fleetsec/cosigned"));
  expect(read("fleetsec/checkpoint/258")).toBe(model.get("fleetsec/checkpoint/258")?.toString());
  // from now on its size is known
  seen.splice(0);
  const again = await witness();
  expect(again).toMatchObject({ exit: 0, quorum: true });
  expect(seen[0]).toMatchObject({ oldSize: 258, proof: [] });
});

describe("what a witness answers is judged", () => {
  const ends: readonly [string, number, string, Answer][] = [
    [
      "a right cosignature (the control)",
      0,
      "cosigned",
      ({ note }, response) => void response.end(cosignature(note)),
    ],
    [
      "a cosignature of another key",
      3,
      "failed",
      ({ note }, response) => void response.end(cosignature(note, "b")),
    ],
    [
      "a cosignature over something else",
      3,
      "failed",
      (_request, response) => void response.end(cosignature(older.get("checkpoint")?.toString() ?? "")),
    ],
    [
      "a cosignature from long ago",
      3,
      "failed",
      ({ note }, response) => void response.end(cosignature(note, "a", NOW - 301)),
    ],
    [
      "a cosignature of the future",
      3,
      "failed",
      ({ note }, response) => void response.end(cosignature(note, "a", NOW + 301)),
    ],
    [
      "two of one key",
      3,
      "failed",
      ({ note }, response) => void response.end(cosignature(note) + cosignature(note)),
    ],
    ["nothing", 3, "failed", (_request, response) => void response.end()],
    ["noise", 3, "failed", (_request, response) => void response.end("\u2014 x\n\n\n")],
    ["without end", 3, "failed", (_request, response) => void response.end("x".repeat(1 << 20))],
    ["404", 3, "failed", (_request, response) => void response.writeHead(404).end()],
    ["403", 3, "failed", (_request, response) => void response.writeHead(403).end()],
    [
      "a redirect",
      3,
      "failed",
      (_request, response) => void response.writeHead(308, { location: "/" }).end(),
    ],
    ["503", 3, "failed", (_request, response) => void response.writeHead(503).end()],
    ["409 without a size", 3, "failed", (_request, response) => void response.writeHead(409).end("258\n")],
    ["409 with what is no size", 3, "failed", (_request, response) => conflict(response, "0258")],
    [
      "409 with another size each time",
      3,
      "failed",
      ({ oldSize }, response) => conflict(response, oldSize + 1),
    ],
    ["409 with the size that was said", 1, "refused", ({ oldSize }, response) => conflict(response, oldSize)],
    ["409 with a larger size: a rollback", 1, "refused", (_request, response) => conflict(response, 259)],
    ["422: another history", 1, "refused", (_request, response) => void response.writeHead(422).end()],
    ["by hanging up", 3, "failed", (_request, _response, message) => void message.socket.destroy()],
  ];
  test.each(ends)("%s", async (_what, exit, outcome, answer) => {
    const { witness, cwd, read } = await workplace(answer);
    expect(await witness()).toMatchObject({ exit, witnesses: [{ outcome }] });
    const cosigned = outcome === "cosigned";
    expect(existsSync(join(cwd, "log/fleetsec/cosigned"))).toBe(cosigned);
    expect(read("checkpoint") === model.get("checkpoint")?.toString()).toBe(!cosigned);
  });
});

test("one witness of a quorum of two is not enough, and is kept for when the other comes", async () => {
  const lines = [
    `witness b ${formatVerifierKey(keyOf("b"))} http://127.0.0.1:1/`,
    "group g all a b",
    "quorum g",
  ];
  const { witness, read } = await workplace(
    ({ note }, response) => void response.end(cosignature(note)),
    model,
    lines,
  );
  expect(await witness()).toMatchObject({
    exit: 3,
    quorum: false,
    witnesses: [{ outcome: "cosigned" }, { outcome: "failed" }],
  });
  expect(read("fleetsec/cosigned")).toContain("witness.example/a");
});

test("while a signer is at work, its checkpoint is left alone", async () => {
  const { witness, cwd, read } = await workplace(
    ({ note }, response) => void response.end(cosignature(note)),
  );
  await system.locks.hold(signerStatePath(join(cwd, "log")), async () => {
    expect(await witness()).toMatchObject({ exit: 0, quorum: true });
  });
  expect(read("checkpoint")).toBe(model.get("checkpoint")?.toString());
  expect(read("fleetsec/cosigned")).toContain("witness.example/a");
});

test("logs sign goes on from a cosigned checkpoint, which stays an anchor", async () => {
  const { cwd, witness } = await workplace(
    ({ note }, response) => void response.end(cosignature(note)),
    new Map(),
  );
  const run = (...argv: string[]) =>
    runCli([...argv, "--json"], {
      cwd,
      userState: join(cwd, "user"),
      clock: { ...system.clock, now: () => NOW * 1000 },
    });
  writeFileSync(join(cwd, "log.key"), formatKeyFile(modelSigner().key, modelKey("fleet.internal/audit")), {
    mode: 0o600,
  });
  const signing = async (lines: string) => {
    writeFileSync(join(cwd, "in"), lines);
    return run("logs", "sign", "--in", "in", "--store", "log", "--key", "log.key");
  };
  expect(await signing("one\n")).toMatchObject({ code: 0 });
  expect(await witness()).toMatchObject({ exit: 0 });
  expect(await signing("one\ntwo\n")).toMatchObject({ code: 0 });
  const { code, stdout } = await run("verify-logs", "log", "--trust", "policy");
  expect(code).toBe(0);
  expect(JSON.parse(stdout)).toMatchObject({
    verdict: "intact",
    log: { size: 2 },
    anchors: [{ kind: "witnesses", size: 1, source: "a" }],
    findings: [],
  });
});

describe("nothing is sent", () => {
  const right: Answer = ({ note }, response) => void response.end(cosignature(note));

  test("where the tiles do not make the root", async () => {
    for (const path of ["tile/1/000.p/1", "tile/0/001.p/2"]) {
      const damaged = new Map(model).set(path, Buffer.alloc(model.get(path)?.length ?? 0));
      const { witness, requests, cwd } = await workplace(right, damaged);
      expect(await witness()).toMatchObject({ exit: 2, code: "state" });
      rmSync(join(cwd, "log", path));
      expect(await witness()).toMatchObject({ exit: 2, code: "not-found" });
      expect(requests).toEqual([]);
    }
  });

  test("that would accuse the log of another history where only a tile is damaged", async () => {
    const damaged = new Map(model).set("tile/0/000", Buffer.alloc(8192));
    const { witness } = await workplace((_request, response) => conflict(response, 255), damaged);
    expect(await witness()).toMatchObject({ exit: 2, code: "state" });
  });

  test("where no witness has a URL, or one with a password", async () => {
    const { witness, cwd, requests } = await workplace(right);
    const policyWith = (url: string) =>
      writeFileSync(
        join(cwd, "policy"),
        `log ${log}\nwitness a ${formatVerifierKey(keyOf("a"))}${url}\nquorum a\n`,
      );
    policyWith("");
    expect(await witness()).toMatchObject({ exit: 2, code: "usage" });
    policyWith(" https://me:secret@example.org/");
    expect(await witness()).toMatchObject({ exit: 2, code: "input" });
    expect(requests).toEqual([]);
  });
});
