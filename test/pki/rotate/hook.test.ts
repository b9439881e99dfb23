import { expect, test } from "vitest";
import { runProgram } from "../../../src/pki/rotate/hook.ts";
import { systemExec } from "../../../src/platform/exec.ts";
import { scratch } from "../../support/scratch.ts";

const { signal } = new AbortController();

const secrets = {
  FLEETSEC_PASSPHRASE: "s1",
  FLEETSEC_VAULT_SECRET_ID: "s2",
  VAULT_TOKEN: "s3",
  BAO_TOKEN: "s4",
  VAULT_ADDR: "kept",
  AWS_SECRET_ACCESS_KEY: "kept",
};

/** The variables of those above that a hook sees. */
async function seenBy(kind: "local" | "vault" | "step-ca"): Promise<string[]> {
  const exec = systemExec({ ...process.env, ...secrets });
  const told = await runProgram(
    { exec, signal },
    ["sh", "-c", "env | grep -E '^(FLEETSEC_|VAULT_|BAO_|AWS_|ADDED)' >&2; exit 7"],
    scratch(),
    { ADDED: "yes" },
    { kind },
  );
  expect(told?.reason).toBe("sh ended with 7");
  const { stdout } = await exec.run("env", [], { env: { ADDED: "yes" } });
  expect(stdout).toContain("VAULT_TOKEN=s3");
  return Object.keys({ ...secrets, ADDED: "" }).filter((name) => told?.said.includes(`${name}=`));
}

test("a hook gets none of what fleetsec logs in to the issuer with", async () => {
  expect(await seenBy("vault")).toEqual(["VAULT_ADDR", "AWS_SECRET_ACCESS_KEY", "ADDED"]);
});

test("and what is not ours stays: with another issuer it may be what the hook needs", async () => {
  const all = ["VAULT_TOKEN", "BAO_TOKEN", "VAULT_ADDR", "AWS_SECRET_ACCESS_KEY", "ADDED"];
  expect(await seenBy("local")).toEqual(all);
  expect(await seenBy("step-ca")).toEqual(all);
});

test("a hook that fails is told with the end of what it said", async () => {
  const exec = systemExec(process.env);
  const script = "seq 1000; echo 'no such process' >&2; exit 7";
  const told = await runProgram({ exec, signal }, ["sh", "-c", script], scratch(), {}, { kind: "local" });
  expect(told?.reason).toBe("sh ended with 7");
  expect(told?.said).toMatch(/^\d.*no such process$/s);
  expect(told?.said.length).toBe(500);
});
