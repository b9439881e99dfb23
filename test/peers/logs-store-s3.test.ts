import { once } from "node:events";
import { appendFileSync, existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { createServer, request as startRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { spawn } from "node:child_process";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, onTestFinished, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { lockOf, s3OfTests } from "./versitygw.ts";

const PROGRAM = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));

interface Answer {
  readonly exit: number;
  readonly code?: string;
  readonly hint?: string;
  readonly verdict?: string;
  readonly size?: number;
  readonly findings?: readonly { readonly code: string; readonly path?: string }[];
  readonly checked?: { readonly batches: number; readonly records: number };
  readonly signed?: { readonly batches: number; readonly records: number };
  readonly places?: readonly { readonly outcome: string }[];
  readonly events?: readonly unknown[];
}

describeWithEngines(["versitygw"], "S3 with Object Lock as a log's store (VersityGW)", ({ versitygw }) => {
  const { env, owner, newBucket } = s3OfTests(versitygw.path);
  /** A machine with a log file of so many lines, a key, and a user's state of its own. */
  async function machine(lines: number, environment: Readonly<Record<string, string>> = env()) {
    const cwd = scratch();
    const run = async (...argv: string[]): Promise<Answer> => {
      const { code, stdout } = await runCli([...argv, "--json"], {
        cwd,
        userState: join(cwd, "user"),
        env: environment,
      });
      return { ...(JSON.parse(stdout) as object), exit: code };
    };
    expect(await run("logs", "keygen", "--origin", "fleet.internal/audit", "--out", ".")).toMatchObject({
      exit: 0,
    });
    writeFileSync(join(cwd, "a.log"), linesOf(0, lines));
    return {
      cwd,
      run,
      sign: (store: string, ...flags: string[]) =>
        run(
          "logs",
          "sign",
          "--in",
          "a.log",
          "--store",
          store,
          "--key",
          "audit.key",
          "--max-records",
          "5",
          ...flags,
        ),
      verify: (store: string, ...flags: string[]) =>
        run(
          "verify-logs",
          store,
          "--trust",
          "audit.pub",
          "--state",
          "auditor",
          "--allow-unanchored",
          ...flags,
        ),
    };
  }

  test("is signed into under a lock that not even the owner can undo, and verified from there", async () => {
    const bucket = await newBucket();
    const store = `s3://${bucket}/audit/log`;
    const { cwd, sign, verify } = await machine(12);
    expect(await sign(store, "--retain", "60d")).toMatchObject({ exit: 0, size: 3, signed: { records: 12 } });
    const whole = { exit: 0, verdict: "unanchored", findings: [], checked: { batches: 3, records: 12 } };
    expect(await verify(store, "--locked", "60d")).toMatchObject(whole);
    appendFileSync(join(cwd, "a.log"), linesOf(12, 3));
    expect(await sign(store, "--retain", "60d")).toMatchObject({ exit: 0, size: 4, signed: { records: 3 } });
    const grown = { exit: 0, verdict: "intact", findings: [], checked: { batches: 4, records: 15 } };
    expect(await verify(store, "--locked", "60d")).toMatchObject(grown);
    // the control: a longer lock than there is
    const longer = await verify(store, "--locked", "61d");
    expect(longer.exit).toBe(1);
    expect(new Set(longer.findings?.map(({ code }) => code))).toEqual(new Set(["LOCK_WEAK"]));
    const key = `${bucket}/audit/log/fleetsec/batch/001.jsonl`;
    const { headers } = await owner("HEAD", key);
    const version = headers.get("x-amz-version-id") ?? "";
    expect(version).not.toBe("");
    expect((await owner("DELETE", `${key}?versionId=${version}`)).status).toBe(403);
    expect(await verify(store)).toMatchObject({ exit: 0, verdict: "intact" });
  });

  test("is not begun under a lock where the bucket has none", async () => {
    const bucket = await newBucket(false);
    const { sign } = await machine(3);
    expect(await sign(`s3://${bucket}/log`, "--retain", "30d")).toMatchObject({
      exit: 2,
      code: "refused",
    });
    expect((await owner("GET", `${bucket}?list-type=2`)).text).not.toContain("<Key>");
    // the control
    expect(await sign(`s3://${bucket}/log`)).toMatchObject({ exit: 0, size: 1 });
    expect((await owner("GET", `${bucket}?list-type=2`)).text).toContain("<Key>");
  });

  test("36: OBJECT_SHADOWED: a delete marker, or a newer version, over what is verified below it", async () => {
    const bucket = await newBucket();
    const store = `s3://${bucket}/log`;
    const { sign, verify } = await machine(20);
    await sign(store, "--retain", "30d");
    expect(await verify(store)).toMatchObject({ exit: 0, findings: [] });
    expect((await owner("DELETE", `${bucket}/log/fleetsec/batch/002.jsonl`)).status).toBe(204);
    const forged = await owner(
      "PUT",
      `${bucket}/log/tile/entries/000.p/4`,
      lockOf("COMPLIANCE", 90),
      "forged",
    );
    expect(forged.status).toBe(200);
    expect(await verify(store)).toMatchObject({
      exit: 1,
      verdict: "altered",
      checked: { batches: 4, records: 20 },
      findings: [
        { code: "OBJECT_SHADOWED", path: "fleetsec/batch/002.jsonl" },
        { code: "OBJECT_SHADOWED", path: "tile/entries/000.p/4" },
      ],
    });
  });

  test("37: LOCK_WEAK: objects without a lock, or with one that some may override", async () => {
    const bucket = await newBucket();
    const { sign, verify } = await machine(5);
    await sign(`s3://${bucket}/log`, "--retain", "30d");
    expect(await verify(`s3://${bucket}/log`, "--locked")).toMatchObject({ exit: 0, findings: [] });
    for (const lock of [{}, lockOf("GOVERNANCE", 90)]) {
      const prefix = `copy-${Object.keys(lock).length}`;
      for (const path of PATHS) {
        const { text } = await owner("GET", `${bucket}/log/${path}`);
        const changed = path === "fleetsec/checkpoint/1" ? lock : lockOf("COMPLIANCE", 90);
        const copied = await owner(
          "PUT",
          `${bucket}/${prefix}/${path}`,
          path === "tile/0/000.p/1" ? {} : changed,
          text,
        );
        expect(copied.status).toBe(200);
      }
      const { exit, findings } = await verify(`s3://${bucket}/${prefix}`, "--locked");
      expect(exit).toBe(1);
      expect(findings?.map(({ code, path }) => `${code} ${path}`)).toContain(
        "LOCK_WEAK fleetsec/checkpoint/1",
      );
    }
  });

  test("a signer that is killed goes on where it was, and signs each line once", async () => {
    const bucket = await newBucket();
    const store = `s3://${bucket}/log`;
    const { cwd, sign, verify } = await machine(150);
    const state = join(cwd, "signer");
    const argv = [
      "logs",
      "sign",
      "--in",
      "a.log",
      "--store",
      store,
      "--key",
      "audit.key",
      "--max-records",
      "5",
    ];
    let kills = 0;
    for (const pause of [30, 80, 20, 130, 60]) {
      const child = spawn(process.execPath, [PROGRAM, ...argv, "--state", state], {
        cwd,
        env: { ...process.env, ...env() },
        stdio: "ignore",
      });
      const ended = once(child, "exit");
      // begun: what it is about to write is kept
      while (!existsSync(join(state, "pending-batch")) && child.exitCode === null) await setTimeout(2);
      await setTimeout(pause);
      child.kill("SIGKILL");
      const [, signal] = (await ended) as [number | null, string | null];
      if (signal === "SIGKILL") kills += 1;
    }
    expect(kills).toBeGreaterThan(1);
    expect(await sign(store, "--state", state)).toMatchObject({ exit: 0, size: 30 });
    expect(await verify(store)).toMatchObject({
      exit: 0,
      findings: [],
      checked: { batches: 30, records: 150 },
    });
    let signed = "";
    for (let seq = 0; seq < 30; seq += 1) {
      const path = `fleetsec/batch/${String(seq).padStart(3, "0")}.jsonl`;
      signed += (await owner("GET", `${bucket}/log/${path}`)).text;
    }
    expect(signed).toBe(linesOf(0, 150));
  });

  test("a second machine is refused until it is told to go on, and of two at once one only signs", async () => {
    const store = `s3://${await newBucket()}/log`;
    const [one, two] = [await machine(5), await machine(5)];
    writeFileSync(join(two.cwd, "audit.key"), readFileSync(join(one.cwd, "audit.key")));
    expect(await one.sign(store)).toMatchObject({ exit: 0, size: 1 });
    expect(await two.sign(store)).toMatchObject({ exit: 2, code: "state" });
    expect(await two.sign(store, "--new-input")).toMatchObject({ exit: 0, size: 2 });
    // the first one sees that it is no longer alone
    appendFileSync(join(one.cwd, "a.log"), linesOf(5, 5));
    expect(await one.sign(store)).toMatchObject({ exit: 2, code: "state" });
    expect(await one.sign(store, "--new-input", "--state", "other")).toMatchObject({ exit: 0 });
    expect(await one.verify(store)).toMatchObject({ exit: 0, findings: [] });
  });

  test("the network ends in the middle: exit 3, nothing is believed, and a signer goes on later", async () => {
    const store = `s3://${await newBucket()}/log`;
    const proxy = await proxyTo(env()["AWS_ENDPOINT_URL"] ?? "");
    const { cwd, sign, verify } = await machine(40, { ...env(), AWS_ENDPOINT_URL: proxy.url });
    proxy.failAfter(25);
    expect(await sign(store)).toMatchObject({
      exit: 3,
      code: "unreachable",
      hint: expect.any(String) as string,
    });
    proxy.failAfter(Infinity);
    expect(await sign(store)).toMatchObject({ exit: 0, size: 8 });
    for (const requests of [0, 3, 20]) {
      proxy.failAfter(requests);
      expect(await verify(store)).toMatchObject({ exit: 3, code: "unreachable" });
    }
    expect(existsSync(join(cwd, "auditor")) ? readdirSync(join(cwd, "auditor")) : []).toEqual([]);
    proxy.failAfter(Infinity);
    expect(await verify(store)).toMatchObject({ exit: 0, checked: { records: 40 } });
  });

  test("a listing that leads in circles is not followed", async () => {
    const store = `s3://${await newBucket()}/log`;
    const proxy = await proxyTo(env()["AWS_ENDPOINT_URL"] ?? "");
    const { sign, verify } = await machine(10, { ...env(), AWS_ENDPOINT_URL: proxy.url });
    await sign(store);
    expect(await verify(store)).toMatchObject({ exit: 0 });
    proxy.edit = (text) =>
      text
        .replace("<IsTruncated>false", "<IsTruncated>true")
        .replace("<NextKeyMarker>", "<NextKeyMarker>log/fleetsec");
    expect(await verify(store)).toMatchObject({ exit: 3, code: "unreachable" });
  });

  test("proofs, traces and anchors are made from it", async () => {
    const bucket = await newBucket();
    const store = `s3://${bucket}/log`;
    const { run, sign, verify } = await machine(12);
    await sign(store);
    const flags = ["--store", store];
    expect(await run("logs", "prove", ...flags, "--record", "1:2", "--out", "proof")).toMatchObject({
      exit: 0,
    });
    expect(await run("logs", "verify-proof", "proof", "--trust", "audit.pub")).toMatchObject({ exit: 0 });
    const trace = ["logs", "trace", ...flags, "--trust", "audit.pub", "--request-id", "r7"];
    const traced = { verdict: "unanchored", events: [expect.anything()] };
    expect(await run(...trace, "--state", "one")).toMatchObject({ exit: 3, ...traced });
    const anchor = ["logs", "anchor", ...flags, "--trust", "audit.pub", "--to"];
    expect(await run(...anchor, `s3://${bucket}/log/anchors`)).toMatchObject({ exit: 2, code: "usage" });
    const place = `s3://${await newBucket()}`;
    expect(await run(...anchor, place)).toMatchObject({ exit: 0, places: [{ outcome: "published" }] });
    expect(await run(...trace, "--state", "two", "--anchor", place)).toMatchObject({
      exit: 0,
      ...traced,
      verdict: "intact",
    });
    expect(await verify(store, "--anchor", place)).toMatchObject({ exit: 0, verdict: "intact" });
    expect(await verify(store, "--anchor", `s3://${bucket}`)).toMatchObject({ exit: 2, code: "usage" });
  });

  test("its keys are changed, and machines share its verification", async () => {
    const store = `s3://${await newBucket()}/log`;
    const { cwd, run, sign, verify } = await machine(12);
    await sign(store, "--retain", "30d");
    const keygen = ["logs", "keygen", "--origin", "fleet.internal/audit", "--out", "new"];
    expect(await run(...keygen)).toMatchObject({ exit: 0 });
    const keys = ["--key", "audit.key", "--new-key", "new/audit.key"];
    expect(await run("logs", "rotate-key", "--store", store, "--retain", "30d", ...keys)).toMatchObject({
      exit: 0,
      size: 4,
    });
    const [before, after] = ["audit.pub", "new/audit.pub"].map((path) =>
      readFileSync(join(cwd, path), "utf8").trim(),
    );
    writeFileSync(join(cwd, "audit.pub"), `${before} 1-4\n${after} 4-\n`);
    expect(await verify(store, "--locked")).toMatchObject({ exit: 0, findings: [], checked: { batches: 4 } });
    expect(await sign(store)).toMatchObject({ exit: 2, code: "refused" });
    for (const part of [1, 2]) {
      const flags = ["--shard", `${part}/2`, "--partial", `part-${part}.json`, "--trust", "audit.pub"];
      expect(await run("verify-logs", store, ...flags, "--state", "merged")).toMatchObject({ exit: 0 });
    }
    const merge = ["verify-logs", "--merge", "part-1.json", "part-2.json", "--trust", "audit.pub"];
    expect(await run(...merge, "--state", "merged", "--allow-unanchored")).toMatchObject({
      exit: 0,
      verdict: "unanchored",
      checked: { batches: 4 },
    });
  });

  test("is not established without the bucket, the right key, or any credentials", async () => {
    const { cwd, sign, verify } = await machine(5);
    const store = `s3://${await newBucket()}/log`;
    expect(await sign(store)).toMatchObject({ exit: 0 });
    expect(await sign("s3://no-such-bucket/log")).toMatchObject({ exit: 3, code: "unreachable" });
    expect(await verify("s3://no-such-bucket/log")).toMatchObject({ exit: 3, code: "unreachable" });
    expect(await verify("s3://Not_A_Bucket")).toMatchObject({ exit: 2, code: "usage" });
    const wrong = await machine(5, { ...env(), AWS_SECRET_ACCESS_KEY: "wrong" });
    writeFileSync(join(wrong.cwd, "audit.pub"), readFileSync(join(cwd, "audit.pub")));
    expect(await wrong.verify(store)).toMatchObject({ exit: 3, code: "unreachable" });
    const none = await machine(5, {});
    expect(await none.verify(store)).toMatchObject({ exit: 2, code: "usage" });
    // what is not there at all is no intact log
    expect(await verify(`${store}-2`)).toMatchObject({ exit: 1, findings: [{ code: "LOG_EMPTY" }] });
  });
});

/** What a store of one batch holds. */
const PATHS = [
  "checkpoint",
  "fleetsec/batch/000.jsonl",
  "fleetsec/checkpoint/1",
  "fleetsec/hashes/000",
  "tile/0/000.p/1",
  "tile/entries/000.p/1",
];

function linesOf(first: number, count: number): string {
  return Array.from({ length: count }, (_, i) => `${JSON.stringify({ request_id: `r${first + i}` })}\n`).join(
    "",
  );
}

/** A server between, which breaks off after so many requests, and edits lists. */
async function proxyTo(target: string) {
  const { hostname, port } = new URL(target);
  let left = Infinity;
  const control = {
    url: "",
    /** How the text of a list is changed. */
    edit: (text: string) => text,
    failAfter(requests: number) {
      left = requests;
    },
  };
  const server = createServer((request, response) => {
    left -= 1;
    if (left < 0) return void request.socket.destroy();
    const { method, url, headers } = request;
    // the signature is over the name that the client knows
    const onward = startRequest({ hostname, port, method, path: url, headers }, (answer) => {
      const isList = url?.includes("?versions=") === true;
      const chunks: Buffer[] = [];
      answer.on("data", (chunk: Buffer) => chunks.push(chunk));
      answer.on("end", () => {
        const body = Buffer.concat(chunks);
        const sent = isList ? Buffer.from(control.edit(body.toString("utf8"))) : body;
        response.writeHead(answer.statusCode ?? 502, { ...answer.headers, "content-length": sent.length });
        response.end(sent);
      });
    });
    onward.on("error", () => request.socket.destroy());
    request.pipe(onward);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  control.url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return control;
}
