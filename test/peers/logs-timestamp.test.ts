// @module-tag long
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import * as fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { parseNote } from "../../src/logs/note.ts";
import { keptResponse, readToken } from "../../src/logs/timestamp/response.ts";
import { verifyToken } from "../../src/logs/timestamp/verify-token.ts";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { integer, sequence, utf8String } from "../../src/pki/der/write.ts";
import { readCertificates } from "../../src/pki/verify/pem.ts";
import { modelSigner, modelStore, type StoreFiles, writeStore } from "../logs/store-model.ts";
import { batchesOf } from "../logs/verify/verifying.ts";
import { runCli } from "../support/cli.ts";
import { serveHttp } from "../support/http-server.ts";
import { scratch } from "../support/scratch.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { type TimestampAuthority, timestampAuthority } from "./authority-ts.ts";
import { describeWithEngines } from "./engines.ts";

const SIZE = 3;
const system = systemPlatform(new AbortController().signal);

describeWithEngines(["openssl"], "RFC 3161 time-stamps of `openssl ts`", ({ openssl }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  afterAll(() => rmSync(directory, { recursive: true }));
  let authority: TimestampAuthority;
  let model: StoreFiles;
  let text: Buffer;
  beforeAll(async () => {
    authority = timestampAuthority(openssl.path, directory);
    model = await modelStore(batchesOf(SIZE, 2));
    text = Buffer.from(parseNote(model.get("checkpoint") ?? Buffer.of()).text);
  }, 180_000);

  /** A copy of the model, with tokens as they are kept, or with files as they are. */
  function workplace(
    tokens: Readonly<Record<number, Uint8Array>> = {},
    kept: (token: Uint8Array) => Uint8Array = keptResponse,
  ) {
    const cwd = scratch();
    writeStore(join(cwd, "log"), model);
    for (const [size, token] of Object.entries(tokens)) {
      mkdirSync(join(cwd, "log/fleetsec/tsr"), { recursive: true });
      writeFileSync(join(cwd, `log/fleetsec/tsr/${size}.tsr`), kept(token));
    }
    writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
    const run = async (...argv: string[]) => {
      const { code, stdout } = await runCli([...argv, "--trust", "log.pub", "--json"], {
        cwd,
        userState: join(cwd, `user-${Math.random()}`),
        clock: { ...system.clock, sleep: async () => {} },
      });
      return { exit: code, ...(JSON.parse(stdout) as object) };
    };
    return {
      cwd,
      verify: (...flags: string[]) => run("verify-logs", "log", ...flags),
      anchor: (url: string, ca = "root") =>
        run("logs", "anchor", "--store", "log", "--tsa", url, "--tsa-ca", authority.path(`${ca}.pem`)),
    };
  }
  const trusted = () => ["--tsa-ca", authority.path("root.pem")];

  test("one is asked for, kept, and anchors the log; OpenSSL accepts what is kept", async () => {
    const { url, requests } = await serveHttp((request, response) => {
      const chunks: Buffer[] = [];
      request.on("data", (chunk: Buffer) => chunks.push(chunk));
      request.on("end", () => {
        expect(request.headers["content-type"]).toBe("application/timestamp-query");
        response.end(authority.reply(Buffer.concat(chunks)));
      });
    });
    const { anchor, verify, cwd } = workplace();
    expect(await anchor(url)).toMatchObject({
      exit: 0,
      places: [{ place: url, outcome: "published", at: `fleetsec/tsr/${SIZE}.tsr` }],
    });
    expect(await anchor(url)).toMatchObject({ exit: 0, places: [{ outcome: "present" }] });
    expect(requests).toEqual(["POST /"]);
    expect(await verify(...trusted())).toMatchObject({
      exit: 0,
      verdict: "intact",
      anchors: [{ kind: "time-stamp", size: SIZE, source: expect.stringMatching(/^CN=tsa at 2/) }],
    });
    writeFileSync(authority.path("text"), text);
    const kept = join(cwd, `log/fleetsec/tsr/${SIZE}.tsr`);
    expect(authority.run("ts", "-verify", "-data", "text", "-in", kept, "-CAfile", "root.pem")).toContain(
      "OK",
    );
  });

  test("one that nobody is trusted for is not established, and neither intact nor altered", async () => {
    expect(await workplace({ [SIZE]: authority.token(text) }).verify()).toMatchObject({
      exit: 3,
      verdict: "not-established",
      findings: [],
      unestablished: ["1 time-stamp token was not checked: --tsa-ca names no authority to trust"],
    });
  });

  describe("35: the token over a checkpoint", () => {
    test("holds (the control), with each hash that is relied on", async () => {
      for (const digest of ["sha256", "sha384", "sha512"]) {
        const token = authority.token(text, { digest });
        expect(await workplace({ [SIZE]: token }).verify(...trusted())).toMatchObject({
          exit: 0,
          anchors: [{ kind: "time-stamp" }],
          findings: [],
        });
      }
    });

    test.each<[string, () => Uint8Array]>([
      ["is over other data", () => authority.token(Buffer.concat([text, Buffer.of(10)]))],
      [
        "is of a certificate for nothing in particular",
        () => authority.token(text, { certificate: "plain" }),
      ],
      ["is of a certificate for something else", () => authority.token(text, { certificate: "server" })],
      ["is of a certificate for something else too", () => authority.token(text, { certificate: "both" })],
      [
        "is of a certificate whose purpose is not critical",
        () => authority.token(text, { certificate: "uncritical" }),
      ],
      ["is of a key that is not for signatures", () => authority.token(text, { certificate: "crypt" })],
      ["is of an authority that is not trusted", () => authority.token(text, { certificate: "stranger" })],
      [
        "is of a time when its certificate had expired",
        () => authority.token(text, { time: Date.now() + 9 * 86_400_000 }),
      ],
      ["is of a time before its certificate", () => authority.token(text, { time: Date.now() - 86_400_000 })],
      ["does not name its certificate", () => authority.token(text, { named: false })],
      [
        "is a signature over something else than a time-stamp",
        () => authority.token(text, { contentType: "1.2.840.113549.1.9.16.1.9" }),
      ],
      ["has SHA-1 only", () => authority.token(text, { digest: "sha1" })],
      ["has an altered signature", () => flipped(authority.token(text), -5)],
      ["is cut short", () => authority.token(text).subarray(0, -1)],
      ["goes on after its end", () => Buffer.concat([authority.token(text), Buffer.of(0)])],
      ["is empty", () => Buffer.of()],
      ["is noise", () => Buffer.from("noise")],
      ["is longer than any", () => Buffer.alloc(1 << 20, 0x30)],
    ])("TSR_INVALID: it %s", async (_what, token) => {
      expect(await workplace({ [SIZE]: token() }).verify(...trusted())).toMatchObject({
        exit: 1,
        findings: [{ code: "TSR_INVALID", path: `fleetsec/tsr/${SIZE}.tsr` }],
      });
    });

    test.each<[string, (token: Uint8Array) => Uint8Array]>([
      ["by nothing", (token) => token],
      ["by another status", (token) => sequence(sequence(integer(1)), token)],
      ["by words", (token) => sequence(sequence(integer(0), sequence(utf8String("so be it"))), token)],
      ["by more after its end", (token) => Buffer.concat([keptResponse(token), Buffer.of(0)])],
    ])("TSR_INVALID: it is surrounded %s", async (_what, kept) => {
      const token = authority.token(text);
      expect(await workplace({ [SIZE]: token }, kept).verify(...trusted())).toMatchObject({
        exit: 1,
        findings: [{ code: "TSR_INVALID", path: `fleetsec/tsr/${SIZE}.tsr` }],
      });
      expect(await workplace({ [SIZE]: token }).verify(...trusted())).toMatchObject({ exit: 0 });
    });

    test("in another form than a store's is kept in that form", async () => {
      const { url } = await serveHttp((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => {
          const token = readToken(authority.reply(Buffer.concat(chunks)));
          response.end(sequence(sequence(integer(1), sequence(utf8String("Operation Okay"))), token));
        });
      });
      const { anchor, verify } = workplace();
      expect(await anchor(url)).toMatchObject({ exit: 0, places: [{ outcome: "published" }] });
      expect(await verify(...trusted())).toMatchObject({ exit: 0, findings: [] });
    });

    test.each([
      [SIZE + 1, "TSR_INVALID"],
      [0, "UNEXPECTED_FILE"],
    ])("there is no checkpoint of its size (%i): %s", async (size, code) => {
      expect(await workplace({ [size]: authority.token(text) }).verify(...trusted())).toMatchObject({
        exit: 1,
        findings: [{ code, path: `fleetsec/tsr/${size}.tsr` }],
      });
    });

    test("is not blamed where its checkpoint is missing", async () => {
      const { cwd, verify } = workplace({ [SIZE - 1]: authority.token(text) });
      rmSync(join(cwd, `log/fleetsec/checkpoint/${SIZE - 1}`));
      expect(await verify(...trusted())).toMatchObject({
        exit: 1,
        findings: [{ code: "CHECKPOINT_MISSING" }],
      });
    });

    test("TIME_REGRESSION: the next batch is dated long before it", async () => {
      const earlier = Buffer.from(parseNote(model.get("fleetsec/checkpoint/2") ?? Buffer.of()).text);
      expect(await workplace({ 2: authority.token(earlier) }).verify(...trusted())).toMatchObject({
        exit: 1,
        findings: [{ code: "TIME_REGRESSION", seq: 2 }],
      });
    });

    test("TIME_ANOMALY: its last batch is dated long after it", async () => {
      const batches = batchesOf(1, 1).map((batch) => ({
        ...batch,
        to: Math.floor(Date.now() / 1000) + 86_400,
      }));
      const future = await modelStore(batches);
      const cwd = scratch();
      const over = Buffer.from(parseNote(future.get("checkpoint") ?? Buffer.of()).text);
      writeStore(
        join(cwd, "log"),
        future.set("fleetsec/tsr/1.tsr", Buffer.from(keptResponse(authority.token(over)))),
      );
      writeFileSync(join(cwd, "log.pub"), `${formatVerifierKey(modelSigner().key)}\n`);
      const argv = ["verify-logs", "log", "--trust", "log.pub", "--json", ...trusted()];
      const { code, stdout } = await runCli(argv, { cwd, userState: join(cwd, "user") });
      expect(code).toBe(1);
      expect(JSON.parse(stdout)).toMatchObject({ findings: [{ code: "TIME_ANOMALY", seq: 0 }] });
    });
  });

  describe("what an authority answers is judged before it is kept", () => {
    test.each<[string, (query: Buffer) => Buffer | number]>([
      ["a token over other data", () => authority.token(Buffer.from("other"))],
      ["the answer to another request", () => authority.token(text)],
      ["a refusal", () => Buffer.from("3005300302010230", "hex").subarray(0, 7)],
      ["noise", () => Buffer.from("<html>")],
      ["404", () => 404],
      ["a redirect", () => 302],
      ["503", () => 503],
      ["too much", () => Buffer.alloc(1 << 20)],
    ])("%s", async (_what, answer) => {
      const { url } = await serveHttp((request, response) => {
        request.resume().on("end", () => {
          const sent = answer(Buffer.of());
          if (typeof sent === "number") response.writeHead(sent).end();
          else response.end(sent);
        });
      });
      const { anchor, verify } = workplace();
      expect(await anchor(url)).toMatchObject({ exit: 3, places: [{ outcome: "failed" }] });
      expect(await verify(...trusted())).toMatchObject({ exit: 3, verdict: "unanchored" });
    });

    test("a token of an authority that is not trusted", async () => {
      const { url } = await serveHttp((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => response.end(authority.reply(Buffer.concat(chunks))));
      });
      const { anchor } = workplace();
      expect(await anchor(url, "other")).toMatchObject({ exit: 3, places: [{ outcome: "failed" }] });
      expect(await anchor(url)).toMatchObject({ exit: 0 });
    });
  });

  test("a token with any bytes changed is refused, or says the same", () => {
    const [token, anchors] = [
      authority.token(text),
      readCertificates(readFileSync(authority.path("root.pem")), "root"),
    ];
    const right = verifyToken(token, text, anchors);
    expect(right).toMatchObject({ ok: true });
    const edits = fc.array(fc.tuple(fc.nat(token.length - 1), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(edits, (changes) => {
        const edited = Buffer.from(token);
        for (const [at, mask] of changes) edited[at] = (edited[at] as number) ^ mask;
        const verdict = verifyToken(edited, text, anchors);
        // what nothing signs may change: it proves nothing
        expect(verdict.ok ? verdict : right).toEqual(right);
      }),
      { numRuns: 300 },
    );
  });
});

function flipped(bytes: Buffer, at: number): Buffer {
  const copy = Buffer.from(bytes);
  const index = copy.length + at;
  copy[index] = (copy[index] as number) ^ 1;
  return copy;
}
