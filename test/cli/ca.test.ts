import {
  chmodSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { movablePlatform } from "../support/pki.ts";
import { testProject } from "../support/project.ts";
import { scratch } from "../support/scratch.ts";
import { schemaErrors } from "../support/schema.ts";

describe("ca init", () => {
  test("keeps a random passphrase in the user's state, outside the project", async () => {
    const project = testProject();
    const { code, document, stdout } = await project.json(["ca", "init", "--yes"]);
    expect(code).toBe(0);
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ keys: "encrypted", generation: 1, crl: { number: 1, stale: false } });
    expect(statSync(document.passphraseFile).mode & 0o777).toBe(0o600);
    const secret = readFileSync(document.passphraseFile, "utf8").trim();
    expect(document.passphraseFile.startsWith(project.userState)).toBe(true);
    expect(stdout).not.toContain(secret);
    for (const path of project.files()) expect(readFileSync(path, "latin1")).not.toContain(secret);
    const issued = await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"]);
    expect(issued.code).toBe(0);
  });

  test("takes a passphrase from a file, which each command that signs then needs", async () => {
    const project = testProject();
    const file = join(project.userState, "passphrase");
    writeFileSync(file, "correct horse\n", { mode: 0o600 });
    expect((await project.run(["ca", "init", "--passphrase-file", file])).code).toBe(0);
    expect(readdirSync(project.userState)).toEqual(["passphrase"]);
    const issue = ["cert", "issue", "truck-1", "--role", "fleet-edge"];
    const before = project.snapshot();
    const without = await project.json(issue);
    expect([without.code, without.document.code]).toEqual([2, "passphrase"]);
    const wrong = await project.json(issue, { env: { FLEETSEC_PASSPHRASE: "wrong horse" } });
    expect([wrong.code, wrong.document.code]).toEqual([2, "passphrase"]);
    expect(project.snapshot()).toEqual(before);
    expect((await project.run(issue, { env: { FLEETSEC_PASSPHRASE: "correct horse" } })).code).toBe(0);
  });

  test("leaves the keys unencrypted when told, and says so", async () => {
    const project = testProject();
    const { code, stdout } = await project.run(["ca", "init", "--insecure-dev-key"]);
    expect(code).toBe(0);
    expect(stdout).toContain("NOT encrypted");
    expect(readdirSync(project.userState)).toEqual([]);
    const key = join(project.directory, ".fleetsec/ca/1/issuing-key.pem");
    expect(statSync(key).mode & 0o777).toBe(0o600);
  });

  test("where a service issues is refused: nothing would come of it", async () => {
    const project = testProject((config) =>
      config.replace(
        /^pki:\n/m,
        'pki:\n  issuer: vault\n  trust_anchor: root.pem\n  vault: {address: "http://127.0.0.1:1"}\n',
      ),
    );
    expect(await project.attempt(["ca", "init", "--yes"])).toMatchObject({
      exit: 2,
      code: "config",
      text: expect.stringContaining("vault issues in this project") as string,
      changed: false,
    });
  });

  test.each([
    ["a short passphrase", ["--yes"], { FLEETSEC_PASSPHRASE: "short" }, "usage"],
    ["both ways of protection", ["--insecure-dev-key", "--passphrase-file", "x"], {}, "usage"],
    ["a passphrase file that is not there", ["--passphrase-file", "none"], {}, "not-found"],
    ["a directory as passphrase file", ["--passphrase-file", "."], {}, "input"],
    ["a passphrase file that others can read", ["--passphrase-file", "fleetsec.yaml"], {}, "permission"],
    ["an unknown flag", ["--force"], {}, "usage"],
  ])("refuses %s and writes nothing", async (_, flags, env, code) => {
    const project = testProject();
    const before = project.snapshot();
    const result = await project.json(["ca", "init", ...flags], { env });
    expect([result.code, result.document.code]).toEqual([2, code]);
    expect(project.snapshot()).toEqual(before);
    expect(readdirSync(project.userState)).toEqual([]);
  });

  test("refuses a passphrase file of several lines", async () => {
    const project = testProject();
    const file = join(project.userState, "p");
    writeFileSync(file, "one\ntwo\n", { mode: 0o600 });
    const result = await project.json(["ca", "init", "--passphrase-file", file]);
    expect([result.code, result.document.code]).toEqual([2, "input"]);
  });

  test("a second time changes nothing", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const before = project.snapshot();
    const again = await project.json(["ca", "init", "--insecure-dev-key"]);
    expect([again.code, again.document.code]).toEqual([2, "exists"]);
    expect(project.snapshot()).toEqual(before);
  });

  test("needs a configuration", async () => {
    const project = testProject();
    const result = await project.json(["ca", "init"], { cwd: project.userState });
    expect([result.code, result.document.code]).toEqual([2, "config"]);
    expect(readdirSync(project.userState)).toEqual([]);
  });
});

describe("ca show, bundle and crl", () => {
  test("agree with their schemas", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    for (const command of ["show", "bundle", "crl"]) {
      const { code, document } = await project.json(["ca", command]);
      expect([command, code, schemaErrors(document)]).toEqual([command, 0, []]);
    }
  });

  test("bundle and crl print PEM, or write it to --out", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const bundle = await project.run(["ca", "bundle"]);
    expect(bundle.stdout).toBe(readFileSync(join(project.directory, ".fleetsec/ca/bundle.pem"), "utf8"));
    const crl = await project.run(["ca", "crl"]);
    expect(crl.stdout).toBe(readFileSync(join(project.directory, ".fleetsec/ca/crl.pem"), "utf8"));
    await project.run(["ca", "bundle", "--out", "b.pem"]);
    await project.run(["ca", "crl", "--out", "c.pem"]);
    expect(readFileSync(join(project.directory, "b.pem"), "utf8")).toBe(bundle.stdout);
    expect(readFileSync(join(project.directory, "c.pem"), "utf8").match(/BEGIN X509 CRL/g)).toHaveLength(2);
    expect(await project.attempt(["ca", "bundle", "--out", "none/b.pem"])).toMatchObject({
      exit: 2,
      code: "usage",
      text: expect.stringContaining("name a file in a directory that is there"),
    });
  });

  test("each CRL has a number of its own", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const numbers = [];
    for (let i = 0; i < 3; i += 1) numbers.push((await project.json(["ca", "crl"])).document.number);
    expect(numbers).toEqual([2, 3, 4]);
  });

  test.each([["/dev/null"], ["/dev/stdout"], ["/dev/not-there"], ["none/x"], ["."]])(
    "crl that cannot be written to %s uses no number up",
    async (out) => {
      const project = testProject();
      await project.run(["ca", "init", "--insecure-dev-key"]);
      expect(await project.attempt(["ca", "crl", "--out", out])).toMatchObject({
        exit: 2,
        code: "usage",
        changed: false,
      });
      const { document } = await project.json(["ca", "crl", "--out", "x"]);
      expect(document.number).toBe(2);
    },
  );

  test("show says when the CRL has ended", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const later = { clock: movablePlatform(Date.now() + 8 * 86_400_000).clock };
    expect((await project.json(["ca", "show"], later)).document.crl.stale).toBe(true);
    expect((await project.json(["ca", "crl"], later)).code).toBe(0);
    expect((await project.json(["ca", "show"], later)).document.crl.stale).toBe(false);
  });

  test("show opens the keys, says what is damaged, and ends with 1", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--yes"]);
    const whole = await project.json(["ca", "show"]);
    expect([whole.code, whole.document.faults, whole.document.unknown]).toEqual([0, [], undefined]);
    const locked = await project.json(["ca", "show"], { userState: scratch() });
    expect([locked.code, locked.document.faults, schemaErrors(locked.document)]).toEqual([0, [], []]);
    expect(locked.document.unknown).toContain("no passphrase");

    const at = (name: string) => join(project.directory, ".fleetsec/ca/1", name);
    const key = readFileSync(at("issuing-key.pem"));
    const cases = [
      [
        "of another certificate",
        () => writeFileSync(at("issuing-key.pem"), readFileSync(at("root-key.pem"))),
      ],
      ["missing", () => rmSync(at("issuing-key.pem"))],
    ] as const;
    for (const [_, damage] of cases) {
      damage();
      const { code, document } = await project.json(["ca", "show"]);
      expect([code, schemaErrors(document)]).toEqual([1, []]);
      expect(document.faults).toEqual([expect.stringContaining("issuing-key.pem")]);
      expect((await project.run(["ca", "show"])).stdout).toMatch(/^DAMAGED .*issuing-key\.pem/m);
      writeFileSync(at("issuing-key.pem"), key, { mode: 0o600 });
    }
    expect((await project.json(["ca", "show"])).code).toBe(0);
  });

  test("tell the number of the CRL on disk from the one on record", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const path = join(project.directory, ".fleetsec/ca/1/issuing-crl.pem");
    const first = readFileSync(path);
    await project.run(["ca", "crl"]);
    const shown = () => project.json(["ca", "show"]);
    expect((await shown()).document.crl).toMatchObject({ number: 2, stale: false });
    expect((await shown()).document.crl.onDisk).toBeUndefined();
    // as a full disk leaves it
    writeFileSync(path, first);
    const { document } = await shown();
    expect(schemaErrors(document)).toEqual([]);
    expect(document.crl).toMatchObject({ number: 2, onDisk: 1, stale: true });
    expect((await project.run(["ca", "show"])).stdout).toMatch(
      /^CRL +number 1 on disk \(2 on record\), 0 revoked/m,
    );
  });

  test("refuse an inventory that is a symbolic link, and take a state directory that is one", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const state = join(project.directory, ".fleetsec");
    const [inventory, elsewhere] = [join(state, "inventory.jsonl"), join(scratch(), "elsewhere")];
    renameSync(inventory, elsewhere);
    symlinkSync(elsewhere, inventory);
    const before = readFileSync(elsewhere, "utf8");
    for (const argv of [
      ["ca", "show"],
      ["ca", "crl"],
      ["cert", "list"],
      ["cert", "issue", "truck-1", "--role", "fleet-edge"],
    ]) {
      const refused = await project.attempt(argv);
      expect(refused).toMatchObject({ exit: 2, code: "state", changed: false });
      expect(refused.text).toContain("symbolic link");
    }
    expect(readFileSync(elsewhere, "utf8")).toBe(before);
    rmSync(inventory);
    renameSync(elsewhere, inventory);
    renameSync(state, elsewhere);
    symlinkSync(elsewhere, state);
    expect((await project.run(["cert", "issue", "truck-1", "--role", "fleet-edge"])).code).toBe(0);
  });

  test("without a CA say what to do", async () => {
    for (const command of ["show", "bundle", "crl"]) {
      const { code, document } = await testProject().json(["ca", command]);
      expect([code, document.code]).toEqual([2, "not-found"]);
      expect(document.hint).toContain("ca init");
    }
  });

  test.each([
    ["ca/1/issuing-key.pem", 0o644, "chmod 600"],
    ["ca/1/root-key.pem", 0o644, "chmod 600"],
    ["ca/1/root-key.pem", 0o620, "chmod 600"],
    ["ca/1", 0o720, "chmod go-w"],
    ["ca", 0o777, "chmod go-w"],
    ["certs", 0o777, "chmod go-w"],
    ["", 0o777, "chmod go-w"],
    ["inventory.jsonl", 0o602, "chmod go-w"],
  ])(
    "%s with mode %o, which others can read or write, is refused by every command",
    async (name, mode, hint) => {
      const project = testProject();
      await project.run(["ca", "init", "--insecure-dev-key"]);
      await project.run(["cert", "issue", "a", "--role", "fleet-edge"]);
      const path = join(project.directory, ".fleetsec", name);
      const own = statSync(path).mode & 0o777;
      const commands = [
        ["ca", "show"],
        ["ca", "crl"],
        ["ca", "rotate", "begin", "--insecure-dev-key"],
        ["cert", "issue", "b", "--role", "fleet-edge"],
        ["cert", "renew", "a", "--force"],
        ["cert", "revoke", "a"],
        ["cert", "list"],
      ];
      chmodSync(path, mode);
      for (const command of commands)
        expect([command, await project.attempt(command)]).toEqual([
          command,
          { exit: 2, code: "permission", changed: false, text: expect.stringContaining(hint) },
        ]);
      chmodSync(path, own);
      for (const command of commands)
        expect([command, (await project.run(command)).code]).toEqual([command, 0]);
    },
  );

  test.each([
    ["issuing-cert.pem", "", "input"],
    ["issuing-cert.pem", "-----BEGIN CERTIFICATE-----\nMIIB", "input"],
    ["root-cert.pem", "\u0000\u0001", "input"],
    ["issuing-crl.pem", "x", "state"],
  ])("a damaged %s is an error that names it", async (file, text, code) => {
    const project = testProject();
    await project.run(["ca", "init", "--insecure-dev-key"]);
    writeFileSync(join(project.directory, ".fleetsec/ca/1", file), text);
    const result = await project.json(["ca", "show"]);
    expect([result.code, result.document.code]).toEqual([2, code]);
    expect(result.document.message).toContain(file);
  });
});
