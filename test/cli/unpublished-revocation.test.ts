import { cpSync, mkdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const VERIFY = ["cert", "verify", ".fleetsec/certs/truck/current/cert.pem"];

/** A project whose crl.pem could not be replaced when its truck was revoked, and lies there as it was before. */
async function unpublishedProject() {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  for (const name of ["truck", "van"]) await project.run(["cert", "issue", name, "--role", "fleet-edge"]);
  const crl = join(project.directory, ".fleetsec/ca/crl.pem");
  renameSync(crl, `${crl}.kept`);
  mkdirSync(crl);
  expect((await project.run(["cert", "revoke", "truck"])).code).toBe(2);
  rmdirSync(crl);
  renameSync(`${crl}.kept`, crl);
  return { project, crl };
}

test("a revocation that failed to be published counts, is said to be missing, and is published by revoking again", async () => {
  const { project } = await unpublishedProject();
  const verified = await project.json(VERIFY);
  expect(schemaErrors(verified.document)).toEqual([]);
  expect([verified.code, verified.document.certificates[0].status]).toEqual([1, "invalid"]);
  expect(verified.document.certificates[0].reasons).toMatchObject([{ code: "revoked", certificate: 0 }]);
  expect(verified.document.certificates[0].reasons[0].message).toContain("the CRL does not say so yet");
  expect((await project.run([...VERIFY.slice(0, 2), VERIFY[2]?.replace("truck", "van") ?? ""])).code).toBe(0);
  const listed = await project.run(["cert", "list"]);
  expect([listed.code, listed.stdout, listed.stderr]).toEqual([
    0,
    expect.stringMatching(/truck +fleet-edge +revoked/),
    expect.stringContaining("fleetsec ca crl"),
  ]);
  const shown = await project.json(["ca", "show"]);
  expect(schemaErrors(shown.document)).toEqual([]);
  expect([shown.document.crl.stale, shown.document.bundleStale]).toEqual([true, false]);

  const again = await project.json(["cert", "revoke", "truck"]);
  expect(schemaErrors(again.document)).toEqual([]);
  expect([again.code, again.document.changed, again.document.published]).toEqual([0, false, true]);
  const third = await project.json(["cert", "revoke", "truck"]);
  expect([third.code, third.document.changed, third.document.published]).toEqual([0, false, false]);
  expect((await project.run(["cert", "revoke", "truck"])).stdout).toContain("nothing was changed");
  // by the CRL alone
  const byCrl = ["--ca", ".fleetsec/ca/bundle.pem", "--crl", ".fleetsec/ca/crl.pem"];
  const chain = ["--untrusted", ".fleetsec/certs/truck/current/chain.pem"];
  expect((await project.run([...VERIFY, ...byCrl, ...chain])).code).toBe(1);
  expect((await project.run(["cert", "list"])).stderr).toBe("");
  expect((await project.json(["ca", "show"])).document.crl.stale).toBe(false);
});

test("a revocation that is on record and not published is told so, with what publishes it", async () => {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  await project.run(["cert", "issue", "truck", "--role", "fleet-edge"]);
  const [key, crl] = ["1/issuing-key.pem", "crl.pem"].map((name) =>
    join(project.directory, ".fleetsec/ca", name),
  ) as [string, string];
  renameSync(key, `${key}.kept`);
  const before = await project.attempt(["cert", "revoke", "truck"]);
  expect([before.exit, before.text.includes("on record"), before.changed]).toEqual([2, false, false]);
  renameSync(`${key}.kept`, key);
  rmSync(crl);
  mkdirSync(crl);
  expect(await project.attempt(["cert", "revoke", "truck"])).toMatchObject({
    exit: 2,
    changed: true,
    text: expect.stringMatching(
      /^the revocation is on record, and no CRL says so yet: .*fleetsec ca crl publishes it$/,
    ),
  });
});

test.each([
  ["cert issue", ["cert", "issue", "tug", "--role", "fleet-edge"]],
  ["cert renew of what is not due", ["cert", "renew", "van"]],
  ["cert rotate with nothing due", ["cert", "rotate"]],
  ["ca crl", ["ca", "crl"]],
])("%s publishes it too", async (_, argv) => {
  const { project } = await unpublishedProject();
  const byCrl = ["--ca", ".fleetsec/ca/bundle.pem", "--crl", ".fleetsec/ca/crl.pem"];
  const verify = [...VERIFY, ...byCrl, "--untrusted", ".fleetsec/certs/truck/current/chain.pem"];
  expect((await project.run(verify)).code).toBe(0);
  expect((await project.run(argv)).code).toBe(0);
  expect((await project.run(verify)).code).toBe(1);
});

test("a certificate is not called valid beside an inventory that is damaged or missing", async () => {
  const { project } = await unpublishedProject();
  await project.run(["ca", "crl"]);
  const van = [...VERIFY.slice(0, 2), VERIFY[2]?.replace("truck", "van") ?? ""];
  expect((await project.run(van)).code).toBe(0);
  const inventory = join(project.directory, ".fleetsec/inventory.jsonl");
  for (const damage of [() => writeFileSync(inventory, "{}\n"), () => rmSync(inventory)]) {
    damage();
    const { code, document } = await project.json(van);
    expect(schemaErrors(document)).toEqual([]);
    expect([code, document.certificates[0].reasons]).toMatchObject([3, [{ code: "no-inventory" }]]);
    expect((await project.run(VERIFY)).code).toBe(1);
  }
});

test("files of another CA in place of what this one publishes are noticed, and replaced by ca crl", async () => {
  const { project } = await unpublishedProject();
  await project.run(["ca", "crl"]);
  const stranger = testProject();
  await stranger.run(["ca", "init", "--insecure-dev-key"]);
  await stranger.run(["cert", "issue", "van", "--role", "fleet-edge"]);
  const van = ".fleetsec/certs/van/current/cert.pem";
  const foreign = join(stranger.directory, van);
  expect((await stranger.run(["cert", "verify", van])).code).toBe(0);
  for (const name of ["bundle.pem", "crl.pem"])
    cpSync(join(stranger.directory, ".fleetsec/ca", name), join(project.directory, ".fleetsec/ca", name));
  for (const file of [van, foreign])
    expect(await project.attempt(["cert", "verify", file])).toMatchObject({ exit: 2, code: "state" });
  const { document } = await project.json(["ca", "show"]);
  expect([document.crl.stale, document.bundleStale]).toEqual([true, true]);
  const { stdout } = await project.run(["ca", "show"]);
  expect(stdout).toMatch(/bundle\.pem\n +STALE: run fleetsec ca crl\n/);
  expect(Math.max(...stdout.split("\n").map(({ length }) => length))).toBeLessThanOrEqual(80);
  expect((await project.run(["ca", "crl"])).code).toBe(0);
  expect((await project.run(["cert", "verify", van])).code).toBe(0);
  expect((await project.run(["cert", "verify", foreign])).code).toBe(1);
});
