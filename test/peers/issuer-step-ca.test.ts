import { execFileSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ContractParty,
  type Fault,
  issuerContract,
  RAISED,
  withIssuer,
} from "../pki/issuers/contract.ts";
import { runCli } from "../support/cli.ts";
import { movablePlatform } from "../support/pki.ts";
import { testProject } from "../support/project.ts";
import { leaksOf, spies, watched } from "../support/spying.ts";
import { describeWithEngines } from "./engines.ts";
import { type EngineProcess, freePorts, startProcess } from "./process.ts";
import { tokenKeyContract } from "./token-issuing.ts";

const HOUR = 3_600_000;

describeWithEngines(["step-ca"], "step-ca", ({ "step-ca": stepCa }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  const [key, otherKey] = [join(directory, "provisioner.pem"), join(directory, "other.pem")];
  const home = join(directory, "deploy/step-ca");
  const root = join(home, "root.pem");
  let server: EngineProcess | undefined;
  let address = "";
  let closed = 0;

  beforeAll(async () => {
    const [port = 0, nobody = 0] = await freePorts(2);
    closed = nobody;
    address = `https://localhost:${port}`;
    for (const path of [key, otherKey]) {
      const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      writeFileSync(path, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    }
    writeFileSync(join(directory, "fleetsec.yaml"), withIssuer(lines())());
    const written = await runCli(["scaffold", "step-ca"], { cwd: directory, env: {} });
    if (written.code !== 0) throw new Error(written.stderr);
    execFileSync("sh", ["setup.sh"], { cwd: home, stdio: "pipe" });
    server = await startProcess(stepCa.path, ["ca.json", "--password-file", "password"], {
      cwd: home,
      port,
      env: { STEPPATH: home },
    });
  }, 180_000);

  afterAll(async () => {
    await server?.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  function lines(settings: { at?: string; key?: string; more?: string } = {}): string[] {
    const { at = address, key: path = key, more = "" } = settings;
    const provisioner = path === "" ? "" : `, provisioner_key: ${path}`;
    return ["issuer: step-ca", `trust_anchor: ${root}`, `step_ca: {address: "${at}"${provisioner}${more}}`];
  }

  const party: ContractParty = {
    config(fault) {
      switch (fault) {
        case "unreachable":
          return lines({ at: `https://localhost:${closed}` });
        case "wrong-role":
          return lines({ more: ", provisioners: {fleet-edge: nobody}" });
        case "not-allowed":
          return lines({ more: ", provisioners: {fleet-edge: gateway}" });
        case "lower-limit":
          return [...lines(), RAISED];
        default:
          return lines();
      }
    },
    options: (fault?: Fault) =>
      fault === "ended-token" ? { clock: movablePlatform(Date.now() - HOUR).clock } : {},
    faults: ["unreachable", "ended-token", "not-allowed", "wrong-role", "lower-limit"],
    publishesCrl: true,
    givesReason: true,
  };

  issuerContract("as an issuer", () => party);

  tokenKeyContract(
    () => party,
    () => lines({ key: "" }),
  );

  test("renews by the certificate itself, without a provisioner's key, and revokes and issues with it only", async () => {
    const project = testProject(() => withIssuer(lines())());
    const issued = await project.json(["cert", "issue", "truck-17", "--role", "fleet-edge"]);
    expect(issued.code).toBe(0);
    writeFileSync(join(project.directory, "fleetsec.yaml"), withIssuer(lines({ key: "" }))());
    const renewed = await project.json(["cert", "renew", "truck-17", "--force"]);
    expect([renewed.code, renewed.document.message]).toEqual([0, undefined]);
    expect(renewed.document.serial).not.toBe(issued.document.serial);
    for (const argv of [
      ["cert", "issue", "truck-18", "--role", "fleet-edge"],
      ["cert", "renew", "truck-17", "--force", "--rekey"],
      ["cert", "revoke", "truck-17"],
    ]) {
      expect(await project.attempt(argv)).toMatchObject({ exit: 3, code: "issuer", changed: false });
    }
  });

  test("renews what is for a server alone by its provisioner's key, and says that it needs it", async () => {
    const project = testProject(() => withIssuer(lines())());
    await project.json(["cert", "issue", "edge", "--role", "gateway"]);
    await project.json(["cert", "issue", "truck-17", "--role", "fleet-edge"]);
    writeFileSync(join(project.directory, "alone.yaml"), withIssuer(lines({ key: "" }))());
    const renew = (name: string, ...more: string[]) => [...more, "cert", "renew", name, "--force"];
    const alone = ["--config", "alone.yaml"];
    const refused = await project.attempt(renew("edge", ...alone));
    expect(refused).toMatchObject({ exit: 3, code: "issuer", changed: false });
    expect(refused.text).toContain("only certificates for clients whose keys are in files can be renewed");
    expect((await project.json(renew("truck-17", ...alone))).document.renewed).toBe(true);
    expect((await project.json(renew("edge"))).document.renewed).toBe(true);
  });

  test("does not renew what it has revoked, whoever asks", async () => {
    const project = testProject(() => withIssuer(lines())());
    const { document } = await project.json(["cert", "issue", "truck-17", "--role", "fleet-edge"]);
    const copy = testProject(() => withIssuer(lines({ key: "" }))());
    execFileSync("cp", ["-a", join(project.directory, ".fleetsec"), copy.directory]);
    const renewal = ["cert", "renew", "truck-17", "--force"];
    const control = await copy.json(renewal);
    expect(control.code).toBe(0);
    await project.json(["cert", "revoke", document.serial]);
    const stolen = testProject(() => withIssuer(lines({ key: "" }))());
    execFileSync("cp", ["-a", join(project.directory, ".fleetsec"), stolen.directory]);
    // the thief's inventory knows of no revocation
    const inventory = join(stolen.directory, ".fleetsec/inventory.jsonl");
    const [head, first] = readFileSync(inventory, "utf8").split("\n");
    writeFileSync(inventory, `${head}\n${first}\n`);
    expect(await stolen.attempt(renewal)).toMatchObject({ exit: 2, code: "refused", changed: false });
  });

  test("its CRL, which is of one distribution point, shows who is revoked and nobody not revoked", async () => {
    const project = testProject(() => withIssuer(lines())());
    const { document } = await project.json(["cert", "issue", "truck-17", "--role", "fleet-edge"]);
    const other = (await project.json(["cert", "issue", "truck-18", "--role", "fleet-edge"])).document;
    expect((await project.json(["cert", "revoke", "truck-17"])).code).toBe(0);
    for (const [cert, exit, reason] of [
      [document.files.cert, 1, "revoked"],
      [other.files.cert, 3, "unusable-crl"],
    ]) {
      const verified = await project.json(["cert", "verify", cert]);
      const [{ reasons }] = verified.document.certificates;
      expect([verified.code, reasons]).toMatchObject([exit, [{ code: reason }]]);
    }
  });

  test("its provisioner's key is seen by no hook and left nowhere", async () => {
    const spying = spies();
    const project = testProject(() => withIssuer(lines())());
    const { run, leaks } = watched(project, spying);
    const hook = ["--exec", spying.program("reload")];
    await run(["cert", "issue", "truck-17", "--role", "fleet-edge"], {});
    await run(["cert", "rotate", "--force", "--rekey", "--audit", "audit.jsonl", ...hook], {});
    await run(["cert", "revoke", "truck-17", ...hook], {});
    writeFileSync(join(project.directory, "fleetsec.yaml"), withIssuer(lines({ key: otherKey }))());
    await run(["--verbose", "cert", "issue", "truck-18", "--role", "fleet-edge"], {}, 3);
    expect(spying.count()).toBe(2);
    for (const path of [key, otherKey]) {
      const pem = readFileSync(path, "utf8");
      const { d = "" } = createPrivateKey(pem).export({ format: "jwk" });
      const [, body = ""] = pem.split("\n");
      for (const secret of [body, d, Buffer.from(d, "base64url")]) expect(leaks(secret)).toEqual([]);
      expect(leaksOf(body)).toContain("environ");
    }
  });

  test("takes another's key for no provisioner's", async () => {
    const attempt = (path: string) =>
      testProject(() => withIssuer(lines({ key: path }))()).attempt([
        "cert",
        "issue",
        "truck-17",
        "--role",
        "fleet-edge",
      ]);
    expect(await attempt(key)).toMatchObject({ exit: 0 });
    expect(await attempt(otherKey)).toMatchObject({ exit: 3, code: "issuer" });
  });
});
