import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { testProject } from "../support/project.ts";

const COMMANDS = [
  ["ca", "crl", "--out", "c.pem"],
  ["ca", "show"],
  ["cert", "issue", "t3", "--role", "fleet-edge"],
  ["cert", "renew", "t2", "--force"],
  ["cert", "revoke", "t2"],
  ["cert", "rotate"],
  ["cert", "list"],
];

/** Two certificates that were revoked one after the other. */
async function revokedProject() {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  for (const name of ["t1", "t2"]) await project.run(["cert", "issue", name, "--role", "fleet-edge"]);
  for (const name of ["t1", "t2"]) expect((await project.run(["cert", "revoke", name])).code).toBe(0);
  const path = join(project.directory, ".fleetsec/inventory.jsonl");
  return { project, path, whole: readFileSync(path, "utf8") };
}

const lines = (text: string) => text.split("\n").slice(0, -1);

test.each([
  ["emptied", () => ""],
  ["with a torn header", (text: string) => text.slice(0, 20)],
  ["with its header only", (text: string) => `${lines(text)[0]}\n`],
  ["without its last revocation", (text: string) => `${lines(text).slice(0, -2).join("\n")}\n`],
  ["without the number of its last CRL", (text: string) => `${lines(text).slice(0, -1).join("\n")}\n`],
])("an inventory that is %s is damage: nothing is answered or written", async (_, damage) => {
  const { project, path, whole } = await revokedProject();
  writeFileSync(path, damage(whole));
  for (const command of COMMANDS)
    expect([command, await project.attempt(command)]).toEqual([
      command,
      expect.objectContaining({ exit: 2, code: "state", changed: false }),
    ]);
  const verify = ["cert", "verify", ".fleetsec/certs/t2/current/cert.pem"];
  expect((await project.run(verify)).code).toBe(1);
  writeFileSync(path, whole);
  expect((await project.run(["ca", "crl"])).code).toBe(0);
  expect((await project.run(verify)).code).toBe(1);
});

test.each([
  ["missing", "no.*issuing-crl.pem", (path: string) => rmSync(path)],
  ["cut off", "is damaged", (path: string) => writeFileSync(path, readFileSync(path).subarray(0, 200))],
  ["another CA's", "no CRL of the CA beside it", (path: string, other: string) => cpSync(other, path)],
])(
  "a CRL that is %s tells nothing of the inventory: it is made anew only by request",
  async (_, why, damage) => {
    const { project, path: inventory } = await revokedProject();
    const stranger = await revokedProject();
    const crl = ".fleetsec/ca/1/issuing-crl.pem";
    const path = join(project.directory, crl);
    damage(path, join(stranger.project.directory, crl));
    for (const command of COMMANDS)
      expect([command, await project.attempt(command)]).toEqual([
        command,
        expect.objectContaining({ exit: 2, code: "state", changed: false }),
      ]);
    const { text } = await project.attempt(["ca", "show"]);
    expect(text).toMatch(new RegExp(why));
    expect(text).toContain("fleetsec ca crl --from-inventory");
    const made = await project.json(["ca", "crl", "--from-inventory"]);
    expect([made.code, made.document.revoked, made.document.number]).toEqual([0, 2, 4]);
    for (const name of ["t1", "t2"])
      expect((await project.run(["cert", "verify", `.fleetsec/certs/${name}/current/cert.pem`])).code).toBe(
        1,
      );
    expect((await project.run(["ca", "crl"])).code).toBe(0);
    // the inventory is held to a CRL that is whole, whatever is asked for
    writeFileSync(inventory, `${lines(readFileSync(inventory, "utf8")).slice(0, -3).join("\n")}\n`);
    const cut = await project.attempt(["ca", "crl", "--from-inventory"]);
    expect(cut).toMatchObject({ exit: 2, code: "state", changed: false });
  },
);

test("an inventory that is cut is held to the CRL that gateways read where the CA's own is missing", async () => {
  const { project, path: inventory, whole } = await revokedProject();
  const at = (name: string) => join(project.directory, ".fleetsec/ca", name);
  rmSync(at("1/issuing-crl.pem"));
  writeFileSync(inventory, `${lines(whole).slice(0, -2).join("\n")}\n`);
  const renew = ["ca", "crl", "--from-inventory"];
  const cut = await project.attempt(renew);
  expect(cut).toMatchObject({ exit: 2, code: "state", changed: false });
  expect(cut.text).toContain("the end of");
  // one that is damaged, or another CA's, hides no other
  const published = readFileSync(at("crl.pem"), "utf8");
  const stranger = await revokedProject();
  const foreign = readFileSync(join(stranger.project.directory, ".fleetsec/ca/crl.pem"), "utf8");
  writeFileSync(at("crl.pem"), `${foreign}${foreign.replace(/MI/, "MJ")}${published}`);
  expect(await project.attempt(renew)).toMatchObject({ exit: 2, code: "state", changed: false });
  writeFileSync(inventory, whole);
  const { code, document } = await project.json(renew);
  expect([code, document.number, document.revoked]).toEqual([0, 4, 2]);
});

test.each([
  ["missing", "no.*root-crl.pem", (path: string) => rmSync(path)],
  ["another CA's", "no CRL of the CA beside it", (path: string, other: string) => cpSync(other, path)],
])("a root's CRL that is %s is not published beside a new one", async (_, why, damage) => {
  const { project } = await revokedProject();
  const stranger = await revokedProject();
  await project.run(["cert", "issue", "t3", "--role", "fleet-edge"]);
  const path = ".fleetsec/ca/1/root-crl.pem";
  const whole = readFileSync(join(project.directory, path));
  damage(join(project.directory, path), join(stranger.project.directory, path));
  for (const command of [
    ["ca", "crl"],
    ["ca", "crl", "--from-inventory"],
    ["ca", "rotate", "begin", "--insecure-dev-key"],
    ["ca", "rotate", "intermediate"],
    ["cert", "revoke", "t3"],
  ]) {
    const ended = await project.attempt(command);
    expect(ended).toMatchObject({ exit: 2, code: "state", changed: false });
    expect(ended.text).toMatch(new RegExp(why));
    expect(ended.text).toContain("one of the CRLs in ca/crl.pem");
  }
  writeFileSync(join(project.directory, path), whole);
  expect((await project.run(["cert", "revoke", "t3"])).code).toBe(0);
});
