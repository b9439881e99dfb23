import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, onTestFinished, test } from "vitest";
import { formatVerifierKey } from "../../src/logs/verifier-key.ts";
import { type ModelLogs, modelLogs } from "../logs/anchoring.ts";
import { modelSigner, writeStore } from "../logs/store-model.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { startWitness } from "./litewitness.ts";

let logs: ModelLogs;
beforeAll(async () => {
  logs = await modelLogs();
});

describeWithEngines(["litewitness", "ssh-agent", "python3"], "litewitness", (engines) => {
  const programs = {
    litewitness: engines.litewitness.path,
    sshAgent: engines["ssh-agent"].path,
    python: engines.python3.path,
  };
  const log = formatVerifierKey(modelSigner().key);
  const known = [{ origin: "fleet.internal/audit", key: log }];

  /** The stores of a test, and a policy that demands the witness. */
  async function workplace(logsKnown = known) {
    const running = await startWitness(programs, "witness.example/w", logsKnown);
    onTestFinished(() => running.stop());
    const cwd = scratch();
    for (const name of ["older", "newer", "forked"] as const) writeStore(join(cwd, name), logs[name]);
    writeFileSync(join(cwd, "policy"), `log ${log}\nwitness w ${running.key} ${running.url}\nquorum w\n`);
    const run = async (...argv: string[]) => {
      const { code, stdout } = await runCli([...argv, "--trust", "policy", "--json"], {
        cwd,
        userState: join(cwd, `user-${Math.random()}`),
      });
      return { exit: code, ...(JSON.parse(stdout) as object) };
    };
    return {
      cwd,
      witness: (store: string) => run("logs", "witness", "--store", store),
      verify: (store: string) => run("verify-logs", store),
    };
  }

  test("cosigns our checkpoints as the log grows, and verify-logs counts them", async () => {
    const { witness, verify, cwd } = await workplace();
    expect(await verify("older")).toMatchObject({ exit: 1, findings: [{ code: "QUORUM_UNMET" }] });
    const cosigned = { exit: 0, ok: true, quorum: true, witnesses: [{ name: "w", outcome: "cosigned" }] };
    expect(await witness("older")).toMatchObject({ ...cosigned, size: 3 });
    expect(await verify("older")).toMatchObject({
      exit: 0,
      verdict: "intact",
      anchors: [{ kind: "witnesses", size: 3, source: "w" }],
    });
    // the next batch is signed and not cosigned yet
    cpSync(join(cwd, "older/fleetsec/cosigned"), join(cwd, "newer/fleetsec/cosigned"));
    expect(await verify("newer")).toMatchObject({ exit: 0, anchors: [{ kind: "witnesses", size: 3 }] });
    expect(await witness("newer")).toMatchObject({ ...cosigned, size: 5 });
    expect(await verify("newer")).toMatchObject({ exit: 0, anchors: [{ kind: "witnesses", size: 5 }] });
    // once more, with nothing new
    expect(await witness("newer")).toMatchObject(cosigned);
    expect(readFileSync(join(cwd, "newer/checkpoint"), "utf8").match(/^— /gm)).toHaveLength(2);
    expect(await verify("newer")).toMatchObject({ exit: 0 });
  });

  test("refuses a checkpoint that is rolled back, and another history", async () => {
    const { witness, verify, cwd } = await workplace();
    expect(await witness("newer")).toMatchObject({ exit: 0 });
    const before = readFileSync(join(cwd, "forked/checkpoint"));
    for (const store of ["older", "forked"]) {
      expect(await witness(store)).toMatchObject({
        exit: 1,
        ok: false,
        quorum: false,
        witnesses: [{ outcome: "refused" }],
      });
      expect(await verify(store)).toMatchObject({ exit: 1, findings: [{ code: "QUORUM_UNMET" }] });
    }
    expect(readFileSync(join(cwd, "forked/checkpoint"))).toEqual(before);
    // the cosignature of the right history is of no use to the other one
    cpSync(join(cwd, "newer/fleetsec/cosigned"), join(cwd, "forked/fleetsec/cosigned"));
    expect(await verify("forked")).toMatchObject({ exit: 1, findings: [{ code: "EQUIVOCATION" }] });
    expect(await witness("newer")).toMatchObject({ exit: 0 });
  });

  test("that does not know the log: not established", async () => {
    const { witness } = await workplace([]);
    expect(await witness("newer")).toMatchObject({ exit: 3, witnesses: [{ outcome: "failed" }] });
  });
});
