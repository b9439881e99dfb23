// @module-tag long
import { execFileSync } from "node:child_process";
import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "vitest";
import { anchoringIn, MODEL_NAME, type ModelLogs, modelLogs } from "../logs/anchoring.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";

let logs: ModelLogs;
beforeAll(async () => {
  logs = await modelLogs();
});

describeWithEngines(["git"], "a git repository as an anchor", ({ git }) => {
  const AUTHOR = ["-c", "user.name=a", "-c", "user.email=a@example.org"];
  const run = (cwd: string, ...args: string[]) =>
    execFileSync(git.path, [...AUTHOR, ...args], { cwd, encoding: "utf8", stdio: "pipe" }).trim();

  const bareIn = (cwd: string) => {
    run(cwd, "init", "--quiet", "--bare", "--initial-branch=main", "repo");
    return join(cwd, "repo");
  };

  test("is given a commit for each checkpoint, and anchors the log up to the newest", async () => {
    const cwd = scratch();
    const repo = bareIn(cwd);
    const { anchor, verify } = anchoringIn(cwd, logs);
    expect(await anchor("older", "--to", "git:repo")).toMatchObject({
      exit: 0,
      places: [{ outcome: "published", at: `git:${repo}#main:${MODEL_NAME}/3` }],
    });
    expect(await anchor("newer", "--to", "git:repo")).toMatchObject({ exit: 0 });
    expect(await anchor("newer", "--to", "git:repo")).toMatchObject({
      exit: 0,
      places: [{ outcome: "present" }],
    });
    expect(run(repo, "log", "--format=%an %s", "main").split("\n")).toEqual([
      "fleetsec checkpoint of fleet.internal/audit, size 5",
      "fleetsec checkpoint of fleet.internal/audit, size 3",
    ]);
    expect(run(repo, "fsck", "--strict")).toBe("");
    expect(run(repo, "show", `main:${MODEL_NAME}/5`)).toBe(logs.newer.get("checkpoint")?.toString().trim());
    const commit = run(repo, "rev-parse", "main");
    expect(await verify("newer", "git:repo")).toMatchObject({
      exit: 0,
      anchors: [{ size: 5, source: `git:${repo}#${commit.slice(0, 12)}:${MODEL_NAME}/5` }],
    });
    expect(await verify("older", "git:repo")).toMatchObject({
      exit: 1,
      findings: [{ code: "TAIL_TRUNCATED" }],
    });
    expect(await verify("older", "git:repo#main~1")).toMatchObject({ exit: 2, code: "usage" });
    const first = run(repo, "rev-parse", "main~1");
    expect(await verify("older", `git:repo#${first}`)).toMatchObject({ exit: 0, anchors: [{ size: 3 }] });
    expect(await anchor("forked", "--to", "git:repo")).toMatchObject({
      exit: 1,
      places: [{ outcome: "refused" }],
    });
    expect(run(repo, "rev-parse", "main")).toBe(commit);
  });

  test("is given no checkpoint that an older one there contradicts, and none that is older", async () => {
    const cwd = scratch();
    const repo = bareIn(cwd);
    const { anchor } = anchoringIn(cwd, logs);
    for (const place of ["git:repo#main:a/b", "git:repo#other"]) await anchor("older", "--to", place);
    const before = run(repo, "rev-parse", "main", "other");
    for (const place of ["git:repo#main:a/b", "git:repo#other"]) {
      const forked = await anchor("forked", "--to", place);
      expect(forked).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
      expect(forked.places[0]?.detail).toContain("INCONSISTENT_WITH_ANCHOR");
      expect(forked.places[0]?.detail).toContain(`${MODEL_NAME}/3`);
    }
    expect(run(repo, "rev-parse", "main", "other")).toBe(before);
    // the control: its continuation, and the other history where nothing contradicts it
    expect(await anchor("newer", "--to", "git:repo#other")).toMatchObject({ exit: 0 });
    expect(await anchor("forked", "--to", "git:repo#third")).toMatchObject({ exit: 0 });
    const older = await anchor("older", "--to", "git:repo#other");
    expect(older).toMatchObject({ exit: 1, places: [{ outcome: "refused" }] });
    expect(older.places[0]?.detail).toContain("TAIL_TRUNCATED");
  });

  test("may hold other things beside the folder that is named", async () => {
    const cwd = scratch();
    const repo = bareIn(cwd);
    run(cwd, "clone", "--quiet", "repo", "work");
    const work = join(cwd, "work");
    writeFileSync(join(work, "README"), "theirs");
    writeFileSync(join(work, ".hidden"), "passed over");
    run(work, "add", "--all");
    run(work, "commit", "--quiet", "--message", "theirs");
    run(work, "push", "--quiet", "origin", "HEAD:main");
    const { anchor, verify } = anchoringIn(cwd, logs);
    const place = "git:repo#main:anchors/audit";
    expect(await anchor("newer", "--to", place)).toMatchObject({ exit: 0 });
    expect(run(repo, "ls-tree", "-r", "--name-only", "main").split("\n")).toEqual([
      ".hidden",
      "README",
      `anchors/audit/${MODEL_NAME}/5`,
    ]);
    expect(await verify("newer", place)).toMatchObject({ exit: 0 });
    expect(await verify("newer", `${place}/${MODEL_NAME}/5`)).toMatchObject({ exit: 0 });
    expect(await verify("newer", "git:repo")).toMatchObject({ exit: 2, code: "input" });
    // the branch of a work tree would then differ from its files
    expect(await anchor("newer", "--to", "git:work")).toMatchObject({
      exit: 1,
      places: [{ outcome: "refused" }],
    });
    expect(await anchor("newer", "--to", "git:work#checkpoints")).toMatchObject({ exit: 0 });
    expect(run(work, "status", "--porcelain")).toBe("");
    expect(await verify("newer", "git:work#checkpoints")).toMatchObject({ exit: 0 });
  });

  test.each([
    ["git:nowhere", 2, "not-found"],
    ["git:plain", 2, "not-found"],
    ["git:repo#other", 2, "not-found"],
    ["git:repo", 2, "not-found"],
    ["git:repo#main:none", 2, "not-found"],
  ])("%s: there is nothing to believe", async (place, exit, code) => {
    const cwd = scratch();
    bareIn(cwd);
    execFileSync("mkdir", [join(cwd, "plain")]);
    expect(await anchoringIn(cwd, logs).verify("newer", place)).toMatchObject({ exit, code });
  });

  test("runs nothing that the repository asks for, and looks into no other one", async () => {
    const cwd = scratch();
    const repo = bareIn(cwd);
    const trap = join(cwd, "trap");
    writeFileSync(trap, `#!/bin/sh\ntouch ${cwd}/sprung\n`, { mode: 0o755 });
    for (const hook of ["reference-transaction", "post-update", "pre-receive", "post-commit"]) {
      writeFileSync(join(repo, "hooks", hook), `#!/bin/sh\ntouch ${cwd}/sprung\n`, { mode: 0o755 });
    }
    for (const [key, value] of [
      ["core.fsmonitor", trap],
      ["core.pager", trap],
      ["core.sshCommand", trap],
      ["core.editor", trap],
      ["core.alternateRefsCommand", trap],
      ["core.hooksPath", join(repo, "hooks")],
      ["filter.x.smudge", trap],
      ["diff.external", trap],
      ["gpg.program", trap],
      ["commit.gpgSign", "true"],
      ["remote.origin.url", `ext::${trap}`],
      ["remote.origin.promisor", "true"],
      ["extensions.partialClone", "origin"],
      ["core.repositoryFormatVersion", "1"],
      ["protocol.ext.allow", "always"],
    ] as const) {
      run(repo, "config", key, value);
    }
    const { anchor, verify } = anchoringIn(cwd, logs, { env: {} });
    expect(await anchor("newer", "--to", "git:repo")).toMatchObject({ exit: 0 });
    expect(await verify("newer", "git:repo")).toMatchObject({ exit: 0 });
    // an object that is missing is not fetched either
    const blob = run(repo, "rev-parse", `main:${MODEL_NAME}/5`);
    execFileSync("rm", [join(repo, "objects", blob.slice(0, 2), blob.slice(2))]);
    expect(await verify("newer", "git:repo")).toMatchObject({ exit: 3, code: "engine" });
    expect(existsSync(join(cwd, "sprung"))).toBe(false);
  });

  test("that holds what is too large, or no file, is not read", async () => {
    const cwd = scratch();
    const repo = bareIn(cwd);
    const { verify } = anchoringIn(cwd, logs);
    const commitOf = (mode: string, type: string, id: string) => {
      const tree = execFileSync(git.path, ["mktree", "--missing"], {
        cwd: repo,
        input: `${mode} ${type} ${id}\tx\n`,
        encoding: "utf8",
      });
      return run(repo, "commit-tree", tree.trim(), "-m", "x");
    };
    const store = (input: Buffer | string) =>
      execFileSync(git.path, ["hash-object", "-w", "--stdin"], { cwd: repo, input, encoding: "utf8" }).trim();
    const right = store(logs.newer.get("checkpoint") ?? "");
    expect(await verify("newer", `git:repo#${commitOf("100644", "blob", right)}`)).toMatchObject({ exit: 0 });
    for (const commit of [
      commitOf("120000", "blob", store("../newer/checkpoint")),
      commitOf("160000", "commit", "1".repeat(40)),
      commitOf("100644", "blob", store(Buffer.alloc((1 << 20) + 1))),
      commitOf("100644", "blob", store("noise")),
    ]) {
      expect(await verify("newer", `git:repo#${commit}`)).toMatchObject({ exit: 2, code: "input" });
    }
  });
});
