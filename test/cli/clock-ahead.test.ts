import { execFileSync } from "node:child_process";
import { readFileSync, renameSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readCrls } from "../../src/pki/verify/pem.ts";
import { movablePlatform } from "../support/pki.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const HOUR = 3_600_000;
const ahead = (hours: number) => ({ clock: movablePlatform(Date.now() + hours * HOUR).clock });

async function withCa(): Promise<TestProject> {
  const project = testProject();
  expect((await project.run(["ca", "init", "--insecure-dev-key"])).code).toBe(0);
  expect((await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"])).code).toBe(0);
  return project;
}

/** One whose root's CRL was made while the clock was ahead. */
async function withFutureRootCrl(): Promise<TestProject> {
  const project = await withCa();
  const { serial } = (await project.json(["cert", "list"])).document.certificates[0];
  await project.run(["ca", "rotate", "intermediate"]);
  await project.run(["cert", "rotate", "--force"]);
  await project.run(["cert", "revoke", serial]);
  expect((await project.run(["ca", "rotate", "finish"], ahead(6))).code).toBe(0);
  return project;
}

const at = ({ directory }: TestProject, path: string) => join(directory, ".fleetsec", path);

function rootCrl(project: TestProject, generation: number) {
  const path = at(project, `ca/${generation}/root-crl.pem`);
  const [crl] = readCrls(readFileSync(path), path);
  const number = execFileSync("openssl", ["crl", "-in", path, "-noout", "-crlnumber"]).toString();
  return {
    number: Number(number.trim().replace("crlNumber=", "")),
    revoked: [...(crl?.revoked.keys() ?? [])],
  };
}

/** What a gateway on OpenSSL makes of the certificate of truck-1. */
function gatewayAccepts(project: TestProject): boolean {
  const of = (name: string) => at(project, `certs/truck-1/current/${name}.pem`);
  const published = [
    "-crl_check_all",
    "-CRLfile",
    at(project, "ca/crl.pem"),
    "-CAfile",
    at(project, "ca/bundle.pem"),
  ];
  try {
    execFileSync("openssl", ["verify", ...published, "-untrusted", of("chain"), of("cert")], {
      stdio: "pipe",
    });
    return true;
  } catch {
    return false;
  }
}

describe("a CRL of the root that was made while the clock was ahead", () => {
  test.each([
    ["ca", "crl"],
    ["cert", "issue", "truck-2", "--role", "fleet-edge"],
    ["cert", "renew", "truck-1"],
    ["cert", "rotate"],
  ])("is told, and made anew by %s %s", async (...argv) => {
    const project = await withFutureRootCrl();
    expect(gatewayAccepts(project)).toBe(false);
    expect((await project.run(["cert", "list"])).stderr).toContain("is not valid yet");
    const shown = await project.json(["ca", "show"]);
    expect([shown.code, shown.document.crl.stale, shown.document.faults]).toEqual([0, true, []]);
    const before = rootCrl(project, 2);

    const mended = await project.run(argv);
    expect([mended.code, mended.stderr]).toEqual([0, ""]);
    expect(rootCrl(project, 2)).toEqual({ ...before, number: before.number + 1 });
    expect(gatewayAccepts(project)).toBe(true);
    expect((await project.json(["ca", "show"])).document.crl.stale).toBe(false);
    expect((await project.run(["cert", "list"])).stderr).toBe("");
    expect((await project.run(["cert", "verify", at(project, "certs/truck-1/current/cert.pem")])).code).toBe(
      0,
    );
    // one that is good is left alone
    expect((await project.run(["ca", "crl"])).code).toBe(0);
    expect(rootCrl(project, 2).number).toBe(before.number + 1);
  });

  test("is left where the root's key is kept elsewhere, and what to do is said", async () => {
    const project = await withFutureRootCrl();
    const [key, elsewhere] = [at(project, "ca/2/root-key.pem"), at(project, "root-key.pem")];
    renameSync(key, elsewhere);
    const before = rootCrl(project, 2);
    for (const argv of [
      ["ca", "crl"],
      ["ca", "show"],
      ["cert", "list"],
      ["cert", "issue", "truck-2", "--role", "fleet-edge"],
      ["cert", "renew", "truck-1"],
      ["cert", "rotate"],
    ]) {
      const { code, stderr } = await project.run(argv);
      expect([code, stderr]).toEqual([
        0,
        expect.stringContaining("put it back as .fleetsec/ca/2/root-key.pem"),
      ]);
    }
    expect(rootCrl(project, 2)).toEqual(before);
    renameSync(elsewhere, key);
    expect((await project.run(["ca", "crl"])).stderr).toBe("");
    expect(gatewayAccepts(project)).toBe(true);
  });

  test("is not made anew by a clock that is behind the root's own beginning", async () => {
    const project = await withFutureRootCrl();
    const before = rootCrl(project, 2);
    await project.run(["ca", "crl"], ahead(-24 * 30));
    expect(rootCrl(project, 2)).toEqual(before);
  });
});

describe("an issuing CA that was made while the clock was ahead", () => {
  const refused = {
    exit: 2,
    code: "refused",
    text: expect.stringContaining("ca rotate abort"),
    changed: false,
  };

  test("is told as such, and taken back by abort", async () => {
    const project = await withCa();
    await project.run(["ca", "rotate", "intermediate"], ahead(240));
    for (const argv of [
      ["cert", "issue", "truck-2", "--role", "fleet-edge"],
      ["ca", "rotate", "finish"],
    ]) {
      expect(await project.attempt(argv)).toEqual(refused);
    }
    const status = await project.json(["ca", "rotate", "status"]);
    expect(schemaErrors(status.document)).toEqual([]);
    expect(status.document.next).toEqual({
      command: "abort",
      because: expect.stringContaining("issuing CA 2 is not valid before"),
      safe: true,
    });
    expect((await project.run(["ca", "rotate", "status"])).stdout).toContain(
      "next: fleetsec ca rotate abort",
    );
    const shown = await project.run(["ca", "show"]);
    expect([shown.code, shown.stdout]).toEqual([
      1,
      expect.stringMatching(/^NOT YET +issuing CA 2 is not valid/m),
    ]);
    expect(shown.stdout).not.toContain("DAMAGED");

    const aborted = await project.json(["ca", "rotate", "abort"]);
    expect([aborted.code, aborted.document.phase]).toEqual([0, "idle"]);
    expect(rootCrl(project, 1)).toEqual({ number: 3, revoked: [expect.any(String)] });
    expect(gatewayAccepts(project)).toBe(true);
    expect((await project.run(["cert", "issue", "truck-2", "--role", "fleet-edge"])).code).toBe(0);
    expect((await project.json(["ca", "show"])).document.faults).toEqual([]);
    expect((await project.run(["ca", "rotate", "intermediate"])).code).toBe(0);
    expect(rootCrl(project, 3).number).toBe(4);
  });

  test("is not taken back while one of its certificates could come into use, nor without the root's key", async () => {
    const project = await withCa();
    await project.run(["ca", "rotate", "intermediate"], ahead(240));
    await project.run(["cert", "issue", "truck-2", "--role", "fleet-edge"], ahead(240));
    const inUse = await project.json(["ca", "rotate", "abort"]);
    expect([inUse.code, inUse.document.hint]).toEqual([2, "wait for them to end or revoke them by serial"]);
    const [serial] = inUse.document.problems[0].split(" ").slice(1);
    expect((await project.run(["cert", "revoke", serial])).code).toBe(0);
    const keys = [1, 2].map((generation) => at(project, `ca/${generation}/root-key.pem`));
    for (const key of keys) renameSync(key, `${key}.away`);
    expect(await project.attempt(["ca", "rotate", "abort"])).toMatchObject({
      exit: 2,
      text: expect.stringContaining("ca/1/root-key.pem"),
      changed: false,
    });
    for (const key of keys) renameSync(`${key}.away`, key);
    expect((await project.run(["ca", "rotate", "abort"])).code).toBe(0);
  });

  test("whose time has come is not taken back", async () => {
    const project = await withCa();
    await project.run(["ca", "rotate", "intermediate"]);
    expect(await project.attempt(["ca", "rotate", "abort"])).toMatchObject({
      exit: 2,
      code: "refused",
      changed: false,
    });
  });

  test("a root rotation that was begun, or switched, while the clock was ahead is taken back too", async () => {
    const project = await withCa();
    await project.run(["ca", "rotate", "begin", "--insecure-dev-key"], ahead(240));
    const status = async () => (await project.json(["ca", "rotate", "status"])).document;
    expect((await status()).next).toMatchObject({ command: "abort", safe: true });
    await project.run(["ca", "rotate", "switch", "--loaded"], ahead(240));
    expect(await status()).toMatchObject({ phase: "new-issues", next: { command: "abort", safe: true } });
    expect((await project.run(["ca", "rotate", "abort"])).code).toBe(0);
    expect((await project.run(["cert", "issue", "truck-2", "--role", "fleet-edge"])).code).toBe(0);
    expect((await project.run(["ca", "rotate", "abort"])).code).toBe(0);
    expect((await status()).phase).toBe("idle");
  });
});
