import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testProject } from "../support/project.ts";

const URI = "uri:spiffe://fleet.internal/fleet-edge/truck-1";

test("the URI of a valid certificate goes to no other name, until that is revoked", async () => {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  const issue = (name: string, ...rest: string[]) => ["cert", "issue", name, "--role", "fleet-edge", ...rest];
  expect((await project.run(issue("truck-1"))).code).toBe(0);
  expect(await project.attempt(issue("impostor", "--san", URI))).toMatchObject({
    exit: 2,
    code: "refused",
    changed: false,
  });
  const roster = join(project.directory, "r.csv");
  writeFileSync(roster, `name,role,sans\ntruck-2,fleet-edge,\nimpostor,fleet-edge,${URI}\n`);
  const fleet = ["cert", "issue", "--from", "r.csv"];
  const { document, code } = await project.json(fleet);
  expect([code, document.code, document.problems]).toEqual([
    2,
    "input",
    [expect.stringMatching(/^line 3: truck-1 holds a valid certificate/)],
  ]);
  expect(existsSync(join(project.directory, ".fleetsec/certs/truck-2"))).toBe(false);
  // its own holder may have it again, and a renewal too
  expect((await project.run(issue("truck-1", "--san", URI))).code).toBe(0);
  expect((await project.run(["cert", "renew", "truck-1", "--force"])).code).toBe(0);
  await project.run(["cert", "revoke", "truck-1"]);
  expect((await project.run(fleet)).code).toBe(0);
  expect((await project.run(["cert", "renew", "impostor", "--force"])).code).toBe(0);
  expect(await project.attempt(issue("truck-1"))).toMatchObject({ code: "refused", changed: false });
});
