import { X509Certificate } from "node:crypto";
import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, onTestFinished, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { serveHttp } from "../support/http-server.ts";
import { testProject } from "../support/project.ts";
import { scratch } from "../support/scratch.ts";
import { timestampAuthority } from "./authority-ts.ts";
import { describeWithEngines } from "./engines.ts";
import { startWitness } from "./litewitness.ts";
import { s3OfTests } from "./versitygw.ts";

const ORIGIN = "fleet.internal/audit";

/** A log of three batches in a bucket, under Object Lock; what works on it names `--store` last. */
async function logIn(store: string, env: Readonly<Record<string, string>>) {
  const cwd = scratch();
  const run = async (...argv: string[]) => {
    const userState = join(cwd, "user");
    const { code, stdout } = await runCli([...argv, "--json"], { cwd, userState, env });
    return { exit: code, ...(JSON.parse(stdout) as { findings?: { code: string; path?: string }[] }) };
  };
  const signing = "logs sign --in a.log --key audit.key --max-records 2 --retain 30d --store".split(" ");
  const sign = async () => run(...signing, store);
  expect(await run("logs", "keygen", "--origin", ORIGIN, "--out", ".")).toMatchObject({ exit: 0 });
  writeFileSync(join(cwd, "a.log"), "a\nb\nc\nd\ne\n");
  expect(await sign()).toMatchObject({ exit: 0, size: 3 });
  return { cwd, run, sign, key: readFileSync(join(cwd, "audit.pub"), "utf8").trim() };
}

describeWithEngines(
  ["versitygw", "litewitness", "ssh-agent", "python3"],
  "a store in S3 and a witness (VersityGW, litewitness)",
  (engines) => {
    const { env, owner, newBucket } = s3OfTests(engines.versitygw.path);

    test("is cosigned, and verified with its cosignatures; the newest of them counts", async () => {
      const bucket = await newBucket();
      const store = `s3://${bucket}/log`;
      const { cwd, run, sign, key } = await logIn(store, env());
      const programs = {
        litewitness: engines.litewitness.path,
        sshAgent: engines["ssh-agent"].path,
        python: engines.python3.path,
      };
      const witness = await startWitness(programs, "witness.example/w", [{ origin: ORIGIN, key }]);
      onTestFinished(() => witness.stop());
      writeFileSync(join(cwd, "policy"), `log ${key}\nwitness w ${witness.key} ${witness.url}\nquorum w\n`);
      const trust = ["--trust", "policy", "--state", "auditor"];
      const verify = async () => run("verify-logs", store, "--locked", "30d", ...trust);
      const cosign = async () => run("logs", "witness", "--trust", "policy", "--store", store);
      expect(await verify()).toMatchObject({ exit: 1, findings: [{ code: "QUORUM_UNMET" }] });
      const cosigned = { exit: 0, quorum: true, witnesses: [{ name: "w", outcome: "cosigned" }] };
      expect(await cosign()).toMatchObject({ ...cosigned, size: 3 });
      expect(await verify()).toMatchObject({ exit: 0, anchors: [{ kind: "witnesses", size: 3 }] });
      appendFileSync(join(cwd, "a.log"), "f\n");
      expect(await sign()).toMatchObject({ exit: 0, size: 4 });
      expect(await cosign()).toMatchObject({ ...cosigned, size: 4 });
      // of what changes there is a version each, and neither is taken for one that lies over another
      const versions = (await owner("GET", `${bucket}?versions&prefix=log/fleetsec/cosigned`)).text;
      expect(versions.match(/<Version>/g)).toHaveLength(2);
      expect(await verify()).toMatchObject({
        exit: 0,
        findings: [],
        anchors: expect.arrayContaining([expect.objectContaining({ kind: "witnesses", size: 4 })]) as unknown,
      });
    });
  },
);

describeWithEngines(
  ["versitygw", "openssl"],
  "a store in S3 and a time-stamping authority (VersityGW, OpenSSL)",
  ({ versitygw, openssl }) => {
    const { env, owner, newBucket } = s3OfTests(versitygw.path);
    const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
    afterAll(() => rmSync(directory, { recursive: true }));

    test("has its checkpoint stamped once, under the lock of the others", async () => {
      const authority = timestampAuthority(openssl.path, directory);
      const { url, requests } = await serveHttp((request, response) => {
        const chunks: Buffer[] = [];
        request.on("data", (chunk: Buffer) => chunks.push(chunk));
        request.on("end", () => response.end(authority.reply(Buffer.concat(chunks))));
      });
      const bucket = await newBucket();
      const store = `s3://${bucket}/log`;
      const { run } = await logIn(store, env());
      const ca = ["--tsa-ca", authority.path("root.pem"), "--trust", "audit.pub"];
      const stamp = async () =>
        run("logs", "anchor", "--tsa", url, "--retain", "30d", ...ca, "--store", store);
      const verify = async (...flags: string[]) =>
        run("verify-logs", store, "--locked", "30d", "--state", "auditor", ...flags);
      expect(await stamp()).toMatchObject({
        exit: 0,
        places: [{ outcome: "published", at: "fleetsec/tsr/3.tsr" }],
      });
      expect(await stamp()).toMatchObject({ exit: 0, places: [{ outcome: "present" }] });
      expect(requests).toHaveLength(1);
      expect(await verify(...ca)).toMatchObject({
        exit: 0,
        verdict: "intact",
        findings: [],
        anchors: [{ kind: "time-stamp", size: 3 }],
      });
      const key = `${bucket}/log/fleetsec/tsr/3.tsr`;
      const { headers } = await owner("HEAD", key);
      expect(headers.get("x-amz-object-lock-mode")).toBe("COMPLIANCE");
      // a token that lies over it
      expect((await owner("PUT", key, {}, "noise")).status).toBe(200);
      const shadowed = await verify(...ca);
      expect(shadowed).toMatchObject({
        exit: 1,
        anchors: expect.arrayContaining([expect.objectContaining({ kind: "time-stamp" })]) as unknown,
      });
      expect(shadowed.findings).toContainEqual(
        expect.objectContaining({ code: "OBJECT_SHADOWED", path: "fleetsec/tsr/3.tsr" }),
      );
    });
  },
);

describeWithEngines(
  ["versitygw"],
  "logs in S3 of certificates and of events (VersityGW)",
  ({ versitygw }) => {
    const { env, owner, newBucket } = s3OfTests(versitygw.path);

    test("detect compares them, and believes neither once it is altered", async () => {
      const bucket = await newBucket();
      const project = testProject();
      const { directory } = project;
      const ok = async (argv: string) =>
        expect({ argv, ...(await project.run(argv.split(" "), { env: env() })) }).toMatchObject({ code: 0 });
      await ok("ca init --insecure-dev-key");
      await ok("cert issue a --role tms-connector");
      for (const name of ["issuance", "audit"])
        await ok(`logs keygen --origin fleet.internal/${name} --out keys`);
      const { serialNumber } = new X509Certificate(
        readFileSync(join(directory, ".fleetsec/certs/a/current/cert.pem")),
      );
      let events = 0;
      const write = (subject: string, serial: string) => {
        const record = {
          timestamp: "2026-01-01T00:00:00Z",
          service: "gateway",
          event_type: "authentication",
          request_id: `r${(events += 1)}`,
          identity: { subject, serial },
          result: "success",
        };
        appendFileSync(join(directory, "events.jsonl"), `${JSON.stringify(record)}\n`);
      };
      const sign = async (input: string, name: string) =>
        ok(`logs sign --in ${input} --store s3://${bucket}/${name} --key keys/${name}.key`);
      const detect = async () => {
        const issuance = `--transparency s3://${bucket}/issuance --transparency-trust keys/issuance.pub`;
        const seen = `--store s3://${bucket}/audit --trust keys/audit.pub`;
        const argv = `detect ${seen} ${issuance} --state state --json`.split(" ");
        const { code, stdout } = await project.run(argv, { env: env() });
        return { exit: code, ...(JSON.parse(stdout) as object) };
      };
      write("CN=a,O=acme", serialNumber);
      await sign(".fleetsec/inventory.jsonl", "issuance");
      await sign("events.jsonl", "audit");
      // the first time there is nothing to hold either log to
      await detect();
      expect(await detect()).toMatchObject({ exit: 0, ok: true, seen: 1, findings: [] });
      const demanded = `cert verify .fleetsec/certs/a/current/cert.pem --purpose client --transparency s3://${bucket}/issuance --trust keys/issuance.pub --state state`;
      await ok(demanded);
      write("CN=b,O=acme", "0BADC0DE");
      await sign("events.jsonl", "audit");
      expect(await detect()).toMatchObject({
        exit: 1,
        findings: [{ code: "NOT_LOGGED", serial: "0BADC0DE" }],
      });
      const forged = await owner("PUT", `${bucket}/issuance/fleetsec/batch/000.jsonl`, {}, "forged\n");
      expect(forged.status).toBe(200);
      expect(await detect()).toMatchObject({ exit: 1, issuance: { verdict: "altered" } });
      const removed = await owner("DELETE", `${bucket}/audit/fleetsec/batch/001.jsonl`);
      expect(removed.status).toBe(204);
      expect(await detect()).toMatchObject({ exit: 1, events: { verdict: "altered" } });
    });
  },
);
