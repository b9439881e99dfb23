import { beforeAll, expect, test } from "vitest";
import { anchoringIn, MODEL_NAME, type ModelLogs, modelLogs } from "../logs/anchoring.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { lockOf, s3OfTests } from "./versitygw.ts";

let logs: ModelLogs;
beforeAll(async () => {
  logs = await modelLogs();
});

describeWithEngines(["versitygw"], "S3 with Object Lock as an anchor (VersityGW)", ({ versitygw }) => {
  const { env, owner, newBucket } = s3OfTests(versitygw.path);
  const workplace = () => anchoringIn(scratch(), logs, { env: env() });

  test("keeps each checkpoint locked, and anchors the log up to the newest", async () => {
    const bucket = await newBucket();
    const { anchor, verify } = workplace();
    const place = `s3://${bucket}/audit`;
    expect(await anchor("older", "--to", place)).toMatchObject({
      exit: 0,
      places: [{ outcome: "published", at: `${place}/${MODEL_NAME}/3` }],
    });
    expect(await anchor("newer", "--to", place)).toMatchObject({ exit: 0 });
    expect(await anchor("newer", "--to", place)).toMatchObject({ exit: 0, places: [{ outcome: "present" }] });
    expect(await verify("newer", place)).toMatchObject({
      exit: 0,
      verdict: "intact",
      anchors: [{ size: 5, source: `${place}/${MODEL_NAME}/5` }],
      findings: [],
    });
    expect(await verify("older", place)).toMatchObject({ exit: 1, findings: [{ code: "TAIL_TRUNCATED" }] });
    const { headers } = await owner("HEAD", `${bucket}/audit/${MODEL_NAME}/5`);
    expect(headers.get("x-amz-object-lock-mode")).toBe("COMPLIANCE");
    // not even the owner can remove the version, or loosen its lock
    const version = headers.get("x-amz-version-id") ?? "";
    expect((await owner("DELETE", `${bucket}/audit/${MODEL_NAME}/5?versionId=${version}`)).status).toBe(403);
    expect(await verify("newer", place)).toMatchObject({ exit: 0, findings: [] });
  });

  test("keeps the first of two histories, and refuses the second", async () => {
    const place = `s3://${await newBucket()}`;
    const { anchor, verify } = workplace();
    expect(await anchor("newer", "--to", place)).toMatchObject({ exit: 0 });
    expect(await anchor("forked", "--to", place)).toMatchObject({
      exit: 1,
      places: [{ outcome: "refused" }],
    });
    expect(await verify("newer", place)).toMatchObject({ exit: 0 });
    expect((await verify("forked", place)).findings.map(({ code }) => code)).toContain("EQUIVOCATION");
  });

  test("is given no checkpoint that an older one there contradicts, and none that is older", async () => {
    const [bucket, other] = [await newBucket(), await newBucket()];
    const { anchor } = workplace();
    const keys = async () => (await owner("GET", `${bucket}?list-type=2`)).text.match(/<Key>[^<]*/g);
    await anchor("older", "--to", `s3://${bucket}/a`, `s3://${other}/a`);
    const before = await keys();
    expect(before).toEqual([`<Key>a/${MODEL_NAME}/3`]);
    // what lies over the locked version is not what was published
    const note = logs.forked.get("checkpoint")?.toString() ?? "";
    expect((await owner("PUT", `${bucket}/a/${MODEL_NAME}/3`, {}, note)).status).toBe(200);
    const forked = await anchor("forked", "--to", `s3://${bucket}/a`);
    expect(forked).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
    expect(forked.places[0]?.detail).toContain(`size 3: s3://${bucket}/a/${MODEL_NAME}/3`);
    expect(forked.places[0]?.detail).toContain("INCONSISTENT_WITH_ANCHOR");
    expect(await keys()).toEqual(before);
    // the control: its continuation
    expect(await anchor("newer", "--to", `s3://${other}/a`)).toMatchObject({ exit: 0 });
    const older = await anchor("older", "--to", `s3://${other}/a`);
    expect(older).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
    expect(older.places[0]?.detail).toContain("TAIL_TRUNCATED");
  });

  test("36: OBJECT_SHADOWED: a delete marker, or another version, over the locked one", async () => {
    const bucket = await newBucket();
    const { anchor, verify } = workplace();
    const place = `s3://${bucket}/audit`;
    const key = `audit/${MODEL_NAME}/5`;
    await anchor("newer", "--to", place);
    expect(await verify("newer", place)).toMatchObject({ exit: 0, findings: [] });
    expect((await owner("DELETE", `${bucket}/${key}`)).status).toBe(204);
    const found = { code: "OBJECT_SHADOWED", path: `s3://${bucket}/${key}` };
    // the locked version is read all the same: it still tells that the tail is gone
    expect(await verify("newer", place)).toMatchObject({
      exit: 1,
      anchors: [{ size: 5 }],
      findings: [found],
    });
    expect(await verify("older", place)).toMatchObject({
      exit: 1,
      findings: [found, { code: "TAIL_TRUNCATED" }],
    });
    const note = logs.forked.get("checkpoint")?.toString() ?? "";
    const lock = {
      "x-amz-object-lock-mode": "COMPLIANCE",
      "x-amz-object-lock-retain-until-date": new Date(Date.now() + 90 * 86_400_000).toISOString(),
    };
    expect((await owner("PUT", `${bucket}/${key}`, lock, note)).status).toBe(200);
    const codes = (await verify("forked", place)).findings.map(({ code }) => code);
    expect(codes).toContain("OBJECT_SHADOWED");
    expect(codes).toContain("EQUIVOCATION");
  });

  test.each<[string, Record<string, string>, string[]]>([
    ["not at all", {}, ["LOCK_WEAK"]],
    ["in GOVERNANCE mode", lockOf("GOVERNANCE", 90), ["LOCK_WEAK"]],
    ["for a day", lockOf("COMPLIANCE", 1), ["LOCK_WEAK"]],
    ["in COMPLIANCE mode for 90 days", lockOf("COMPLIANCE", 90), []],
  ])("37: a checkpoint that is locked %s", async (_how, headers, codes) => {
    const bucket = await newBucket();
    const note = logs.newer.get("checkpoint")?.toString() ?? "";
    expect((await owner("PUT", `${bucket}/5`, headers, note)).status).toBe(200);
    const report = await workplace().verify("newer", `s3://${bucket}`);
    expect(report.findings.map(({ code }) => code)).toEqual(codes);
    expect(report.exit).toBe(codes.length === 0 ? 0 : 1);
  });

  test("is not established without the bucket, its lock, the key or the server", async () => {
    const { anchor, verify } = workplace();
    const unlocked = `s3://${await newBucket(false)}`;
    expect(await anchor("newer", "--to", unlocked)).toMatchObject({
      exit: 3,
      places: [{ outcome: "failed" }],
    });
    // VersityGW says that it did not, and has kept it unlocked
    expect(await verify("newer", unlocked)).toMatchObject({ exit: 1, findings: [{ code: "LOCK_WEAK" }] });
    expect(await verify("newer", "s3://no-such-bucket")).toMatchObject({ exit: 3, code: "unreachable" });
    const right = `s3://${await newBucket()}`;
    expect(await anchor("newer", "--to", right)).toMatchObject({ exit: 0 });
    const wrong = anchoringIn(scratch(), logs, { env: { ...env(), AWS_SECRET_ACCESS_KEY: "wrong" } });
    expect(await wrong.verify("newer", right)).toMatchObject({ exit: 3, code: "unreachable" });
  });
});
