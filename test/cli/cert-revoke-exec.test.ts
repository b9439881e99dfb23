import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

async function withCertificate(): Promise<TestProject> {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"]);
  return project;
}

const script = (text: string) => ["--exec", process.execPath, "-e", text];

describe("cert revoke --exec", () => {
  test("runs a program with its own flags once the CRL is there, and again by a repeated revocation", async () => {
    const project = await withCertificate();
    const copy = script(
      'fs.appendFileSync("seen", process.env.CRL_FILE + fs.readFileSync(process.env.CRL_FILE, "utf8"))',
    );
    const { code, document } = await project.json(["cert", "revoke", "truck-1", ...copy]);
    expect({ code, reloaded: document.reloaded }).toEqual({ code: 0, reloaded: true });
    expect(schemaErrors(document)).toEqual([]);
    const crl = join(project.directory, ".fleetsec/ca/crl.pem");
    expect(readFileSync(join(project.directory, "seen"), "utf8")).toBe(crl + readFileSync(crl, "utf8"));
    expect((await project.json(["cert", "revoke", "truck-1", ...copy])).document).toMatchObject({
      changed: false,
      reloaded: true,
    });
    expect(readFileSync(join(project.directory, "seen"), "utf8").split(crl)).toHaveLength(3);
  });

  test.each([
    ["fails", script("console.error('no such process'); process.exit(4)"), "ended with 4: no such process"],
    ["is missing", ["--exec", "nosuchprogram"], "cannot run nosuchprogram"],
  ])("ends with 3 where the program %s: the revocation stands", async (_, flags, message) => {
    const project = await withCertificate();
    const { code, document, stderr } = await project.json(["cert", "revoke", "truck-1", ...flags]);
    expect({ code, changed: document.changed, reloaded: document.reloaded }).toEqual({
      code: 3,
      changed: true,
      reloaded: false,
    });
    expect(stderr).toContain(message);
    const { certificates } = (await project.json(["cert", "list"])).document;
    expect(certificates).toMatchObject([{ name: "truck-1", status: "revoked" }]);
  });

  test("runs nothing where nothing can be revoked", async () => {
    const project = await withCertificate();
    const attempt = await project.attempt([
      "cert",
      "revoke",
      "nobody",
      ...script('fs.writeFileSync("seen", "")'),
    ]);
    expect(attempt).toMatchObject({ exit: 2, code: "not-found", changed: false });
  });
});
