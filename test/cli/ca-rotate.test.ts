import { generateKeyPairSync, sign as signWith, X509Certificate } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { storedTokenKey } from "../../src/pki/token-key.ts";
import type { Tokens } from "../../src/platform/pkcs11/tokens.ts";
import { movablePlatform } from "../support/pki.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const HOUR = 3_600_000;
const at = (time: number) => ({ clock: movablePlatform(time).clock });

async function withCa(edit?: (config: string) => string): Promise<TestProject> {
  const project = testProject(edit);
  expect((await project.run(["ca", "init", "--insecure-dev-key"])).code).toBe(0);
  expect((await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"])).code).toBe(0);
  return project;
}

describe("ca rotate", () => {
  test("goes through its phases, says what comes next, and refuses what is not safe yet", async () => {
    const project = await withCa();
    const rotate = async (...argv: string[]) => {
      const result = await project.json(["ca", "rotate", ...argv]);
      expect(schemaErrors(result.document)).toEqual([]);
      return result;
    };
    const idle = await rotate("status");
    expect(idle.document).toMatchObject({
      phase: "idle",
      generations: [{ number: 1, issues: true, live: 1 }],
    });
    expect(idle.document.next).toBeUndefined();

    const begun = await rotate("begin", "--insecure-dev-key");
    expect(begun.document).toMatchObject({
      phase: "both-trusted",
      generations: [{ issues: true }, { number: 2, issues: false }],
      next: { command: "switch", safe: false },
    });
    expect((await project.json(["ca", "bundle"])).document.certificates).toHaveLength(2);
    expect(await project.attempt(["ca", "rotate", "switch"])).toMatchObject({
      exit: 2,
      code: "refused",
      changed: false,
    });

    const switched = await rotate("switch", "--loaded");
    expect(switched.document).toMatchObject({
      phase: "new-issues",
      generations: [{ issues: false, live: 1 }, { issues: true }],
      next: { command: "finish", safe: false, certificates: [{ name: "truck-1", role: "fleet-edge" }] },
    });
    const refused = await project.json(["ca", "rotate", "finish"]);
    expect([refused.code, refused.document.code]).toEqual([2, "refused"]);
    expect(refused.document.problems).toEqual([expect.stringMatching(/^truck-1 [0-9A-F]{40} until 20/)]);

    // what keeps running takes the new CA up by itself
    expect((await project.run(["cert", "rotate", "--force"])).code).toBe(0);
    const later = at(Date.now() + 25 * HOUR);
    const finished = await project.json(["ca", "rotate", "finish"], later);
    expect([finished.code, finished.document.phase]).toEqual([0, "idle"]);
    expect((await project.json(["ca", "bundle"])).document.certificates).toHaveLength(1);
  });

  test("what was revoked stays revoked when its issuing CA was dropped", async () => {
    const project = await withCa();
    expect((await project.run(["ca", "rotate", "intermediate"])).code).toBe(0);
    expect((await project.run(["cert", "issue", "truck-2", "--role", "fleet-edge"])).code).toBe(0);
    expect((await project.run(["cert", "revoke", "truck-1"])).code).toBe(0);
    const finished = await project.run(["ca", "rotate", "finish"]);
    expect([finished.code, finished.stdout.replaceAll("\n", " ")]).toEqual([
      0,
      expect.stringContaining("who checks no CRL trusts it until 20"),
    ]);
    expect(Math.max(...finished.stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
    const verify = (name: string) =>
      project.json(["cert", "verify", `.fleetsec/certs/${name}/current/bundle.pem`]);
    const { code, document } = await verify("truck-1");
    expect(schemaErrors(document)).toEqual([]);
    expect(code).toBe(1);
    expect(document.certificates[0].reasons).toContainEqual(
      expect.objectContaining({
        code: "revoked",
        certificate: 0,
        message: expect.stringContaining("inventory"),
      }),
    );
    expect(document.certificates[0].reasons).toContainEqual(
      expect.objectContaining({ code: "revoked", certificate: 1 }),
    );
    expect((await verify("truck-2")).code).toBe(0);
  });

  test("status is an error where it cannot tell how far a rotation is", async () => {
    const project = await withCa();
    const status = ["ca", "rotate", "status"];
    expect((await project.run(status)).code).toBe(0);
    const stray = join(project.directory, ".fleetsec/ca/2");
    mkdirSync(stray);
    expect(await project.attempt(status)).toMatchObject({ exit: 2, changed: false });
    rmdirSync(stray);
    expect((await project.run(status)).code).toBe(0);
    const config = join(project.directory, "fleetsec.yaml");
    const vault =
      'pki:\n  issuer: vault\n  trust_anchor: root.pem\n  vault: {address: "https://127.0.0.1:1"}\n';
    writeFileSync(config, readFileSync(config, "utf8").replace("pki:\n", vault));
    expect(await project.attempt(status)).toMatchObject({ exit: 2, code: "config", changed: false });
  });

  test("waits as long as pki.trust_overlap says", async () => {
    const project = await withCa((config) => config.replace("pki:", "pki:\n  trust_overlap: 2h"));
    await project.run(["ca", "rotate", "begin", "--insecure-dev-key"]);
    const soon = await project.json(["ca", "rotate", "switch"], at(Date.now() + HOUR));
    expect(soon.document.code).toBe("refused");
    expect(
      (await project.json(["ca", "rotate", "status"], at(Date.now() + 3 * HOUR))).document.next.safe,
    ).toBe(true);
    expect((await project.json(["ca", "rotate", "switch"], at(Date.now() + 3 * HOUR))).code).toBe(0);
  });

  test("each CA has a passphrase of its own where it is drawn, and one that is given is for both", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--yes"]);
    await project.run(["ca", "rotate", "begin", "--yes"]);
    expect(readdirSync(join(project.userState, "ca"))).toHaveLength(2);
    await project.run(["ca", "rotate", "switch", "--loaded"]);
    expect((await project.run(["cert", "issue", "a", "--role", "fleet-edge"])).code).toBe(0);
    for (const number of ["1", "2"]) {
      const key = readFileSync(join(project.directory, ".fleetsec/ca", number, "root-key.pem"), "utf8");
      expect(key).toMatch(/^-----BEGIN ENCRYPTED PRIVATE KEY/);
    }

    const given = testProject();
    const flags = ["--passphrase-file", "passphrase"];
    writeFileSync(join(given.directory, "passphrase"), "correct horse battery\n", { mode: 0o600 });
    await given.run(["ca", "init", ...flags]);
    expect((await given.run(["ca", "rotate", "intermediate", ...flags])).code).toBe(0);
    expect((await given.run(["cert", "issue", "a", "--role", "fleet-edge", ...flags])).code).toBe(0);
    // whether the CA that is to remain can issue shows its key alone
    const locked = await given.json(["ca", "rotate", "status"]);
    expect(locked.document.next).toMatchObject({
      safe: false,
      reason: expect.stringContaining("could not be established"),
    });
    expect(await given.attempt(["ca", "rotate", "finish"])).toMatchObject({
      code: "passphrase",
      changed: false,
    });
    expect((await given.run(["ca", "rotate", "status", ...flags])).stdout).toContain(
      "next: fleetsec ca rotate finish (safe now)",
    );
    expect((await given.run(["ca", "rotate", "finish", ...flags])).code).toBe(0);
    expect(readdirSync(given.userState)).toEqual([]);
  });

  describe("of keys in a token", () => {
    const uri = (id: string) => `pkcs11:token=fleet;object=acme;id=%${id}`;

    /** Puts URIs in place of a generation's keys. */
    function inToken(
      project: TestProject,
      generation: number,
      keys: Record<"root" | "issuing", string>,
    ): void {
      const spki = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" });
      for (const [name, id] of Object.entries(keys)) {
        const { pem } = storedTokenKey({ uri: uri(id), spki, sign: () => Promise.reject(new Error("none")) });
        writeFileSync(join(project.directory, `.fleetsec/ca/${generation}/${name}-key.pem`), pem);
      }
    }

    /** A token that holds the keys of certificates of a generation. */
    function holding(
      project: TestProject,
      generation: number,
      keys: Readonly<Record<string, "root" | "issuing">>,
      rootKey?: string,
    ): Tokens {
      const tokens: Tokens = {
        open(asked) {
          const name = keys[/id=%(\w\w)/.exec(asked)?.[1] ?? ""];
          if (name === undefined) return Promise.reject(new FleetsecError("not-found", "no such key"));
          const path = join(project.directory, `.fleetsec/ca/${generation}/${name}-cert.pem`);
          const { publicKey } = new X509Certificate(readFileSync(path));
          const spki = publicKey.export({ type: "spki", format: "der" });
          const key = name === "root" ? rootKey : undefined;
          const sign = async (data: Uint8Array, hash: string) => {
            if (key === undefined) throw new Error("none");
            return signWith(hash, data, key);
          };
          return Promise.resolve({ uri: asked, spki, sign });
        },
        generate: () => Promise.reject(new Error("none")),
        asking: () => tokens,
      };
      return tokens;
    }

    const warnings = (stderr: string) => stderr.split("\n").filter((line) => line.includes("warning"));
    const stays = (id: string) =>
      `fleetsec: warning: a key of the CA that was dropped is still in its token: ${uri(id)}`;

    test("abort names those that it leaves there, and none of a CA in files", async () => {
      const project = await withCa();
      await project.run(["ca", "rotate", "begin", "--insecure-dev-key"]);
      expect(warnings((await project.run(["ca", "rotate", "abort"])).stderr)).toEqual([]);
      await project.run(["ca", "rotate", "begin", "--insecure-dev-key"]);
      const [newest] = readdirSync(join(project.directory, ".fleetsec/ca"))
        .map(Number)
        .filter((number) => number > 1);
      inToken(project, newest ?? 0, { root: "A1", issuing: "A2" });
      const { code, stdout, stderr } = await project.json(["ca", "rotate", "abort"]);
      expect([code, warnings(stderr)]).toEqual([0, [stays("A1"), stays("A2")]]);
      expect(schemaErrors(JSON.parse(stdout))).toEqual([]);
    });

    test("finish does, but for a root's that the next issuing CA has too", async () => {
      const project = await withCa();
      expect((await project.run(["cert", "revoke", "truck-1"])).code).toBe(0);
      expect((await project.run(["ca", "rotate", "intermediate"])).code).toBe(0);
      const rootKey = readFileSync(join(project.directory, ".fleetsec/ca/2/root-key.pem"), "utf8");
      inToken(project, 1, { root: "A1", issuing: "A2" });
      inToken(project, 2, { root: "A1", issuing: "A3" });
      // without the issuing CA's own key in the token, nothing could issue any more
      for (const keys of [{ A1: "root" }, { A1: "root", A3: "root" }] as const) {
        const tokens = holding(project, 2, keys);
        expect(await project.attempt(["ca", "rotate", "finish"], { tokens })).toMatchObject({
          code: "refused",
          changed: false,
        });
        expect((await project.json(["ca", "show"], { tokens })).code).toBe(1);
      }
      const tokens = holding(project, 2, { A1: "root", A3: "issuing" }, rootKey);
      const { code, stderr } = await project.run(["ca", "rotate", "finish"], { tokens });
      expect([code, warnings(stderr)]).toEqual([0, [stays("A2")]]);
      expect((await project.json(["ca", "show"], { tokens })).code).toBe(0);
    });
  });

  test("abort goes back, and the text fits 80 columns all the way", async () => {
    const project = await withCa();
    for (let i = 0; i < 12; i += 1) await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"]);
    const steps = [
      ["begin", "--insecure-dev-key"],
      ["switch", "--loaded"],
      ["status"],
      ["abort"],
      ["abort"],
      ["status"],
    ];
    const texts: string[] = [];
    for (const argv of steps) texts.push((await project.run(["ca", "rotate", ...argv])).stdout);
    for (const line of texts.join("\n").split("\n")) expect(line.length).toBeLessThanOrEqual(80);
    expect(texts[0]).toContain("phase 1 of 3");
    expect(texts[1]).toContain("phase 2 of 3");
    expect(texts[2]).toContain("and 3 more");
    expect(texts[3]).toContain("phase 1 of 3");
    expect(texts[5]).toContain("no rotation is under way");
  });

  test("without a CA, and without saying what to do, it is an error", async () => {
    const project = testProject();
    for (const step of ["status", "begin", "switch", "finish", "abort", "intermediate"]) {
      expect(await project.attempt(["ca", "rotate", step])).toMatchObject({
        code: "not-found",
        changed: false,
      });
    }
    expect(await project.attempt(["ca", "rotate"])).toMatchObject({ exit: 2, code: "usage" });
  });
});
