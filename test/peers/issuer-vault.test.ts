import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
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
import { testProject } from "../support/project.ts";
import { leaksOf, spies, watched } from "../support/spying.ts";
import { describeWithEngines } from "./engines.ts";
import { freePorts } from "./process.ts";
import { tokenKeyContract } from "./token-issuing.ts";
import { startVault, type VaultServer } from "./vault-server.ts";

describeWithEngines(["bao"], "OpenBao", ({ bao }) => {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  let vault: VaultServer;
  let closed = 0;
  const tokens = { good: "", ended: "", other: "" };

  beforeAll(async () => {
    const lines = vaultLines({ address: "https://127.0.0.1:1", ca: "x", root: "x" });
    writeFileSync(join(directory, "fleetsec.yaml"), withIssuer(lines)());
    vault = await startVault(bao.path, directory);
    [closed = 0] = await freePorts(1);
    const token = async (...policies: string[]) =>
      (await vault.ask("auth/token/create", { policies, ttl: "1h" })).auth.client_token;
    tokens.good = await token("fleetsec-fleet-edge", "fleetsec-gateway", "fleetsec-revoke");
    tokens.ended = await token("fleetsec-fleet-edge");
    await vault.ask("auth/token/revoke", { token: tokens.ended });
    tokens.other = await token("fleetsec-gateway");
  }, 180_000);

  afterAll(async () => {
    await vault.stop();
    rmSync(directory, { recursive: true, force: true });
  });

  const party: ContractParty = {
    config(fault) {
      const address = fault === "unreachable" ? `https://127.0.0.1:${closed}` : vault.address;
      return [
        ...vaultLines({ address, ca: vault.ca, root: vault.root }),
        ...(fault === "wrong-role" ? ["  roles: {fleet-edge: nobody}"] : []),
        ...(fault === "lower-limit" ? [RAISED] : []),
      ];
    },
    options: (fault?: Fault) => ({ env: { VAULT_TOKEN: TOKENS[fault ?? "none"]?.(tokens) ?? tokens.good } }),
    faults: ["unreachable", "ended-token", "not-allowed", "wrong-role", "lower-limit"],
    publishesCrl: true,
    givesReason: false,
  };

  issuerContract("as an issuer", () => party);

  tokenKeyContract(() => party);

  const attempt = (lines: readonly string[], env: Record<string, string>, name = "truck-17") =>
    testProject(() => withIssuer(lines)()).attempt(["cert", "issue", name, "--role", "fleet-edge"], { env });
  const issued = { exit: 0, changed: true };
  const lines = () => vaultLines(vault);

  test("lets an AppRole in, and refuses one whose secret is another", async () => {
    await vault.ask("sys/auth/approle", { type: "approle" });
    await vault.ask("auth/approle/role/edge", {
      token_policies: ["fleetsec-fleet-edge", "fleetsec-revoke"],
    });
    const { data: role } = await vault.ask("auth/approle/role/edge/role-id");
    const { data: secret } = await vault.ask("auth/approle/role/edge/secret-id", {});
    const auth = `  auth: {method: approle, role_id: ${role.role_id}}`;
    const env = { FLEETSEC_VAULT_SECRET_ID: secret.secret_id };
    expect(await attempt([...lines(), auth], env)).toMatchObject(issued);
    expect(await attempt([...lines(), auth], { FLEETSEC_VAULT_SECRET_ID: "another" })).toMatchObject({
      exit: 3,
      code: "issuer",
    });
    expect(await attempt([...lines(), auth], {})).toMatchObject({ exit: 3, code: "issuer" });
  });

  test("lets a client certificate in, one that it made itself", async () => {
    await vault.ask("sys/auth/cert", { type: "cert" });
    const client = testProject(() => withIssuer(lines())());
    const env = { VAULT_TOKEN: tokens.good };
    const { document } = await client.json(["cert", "issue", "tms", "--role", "fleet-edge"], { env });
    await vault.ask("auth/cert/certs/fleet", {
      certificate: await readText(vault.root),
      allowed_dns_sans: "tms.fleet.internal",
      token_policies: "fleetsec-fleet-edge",
    });
    const shown = (cert: string, key: string) => [
      ...lines(),
      `  client_cert: ${cert}`,
      `  client_key: ${key}`,
      "  auth: {method: cert, role: fleet}",
    ];
    const both = document.files.bundle;
    expect(await attempt(shown(both, both), {})).toMatchObject(issued);
    const other = await client.json(["cert", "issue", "av-1", "--role", "fleet-edge"], { env });
    const refused = other.document.files.bundle;
    expect(await attempt(shown(refused, refused), {})).toMatchObject({ exit: 3, code: "issuer" });
  });

  test("is not asked where its own certificate is not trusted", async () => {
    const trusting = (ca: string) => vaultLines({ ...vault, ca });
    const env = { VAULT_TOKEN: tokens.good };
    expect(await attempt(trusting(vault.ca), env)).toMatchObject(issued);
    expect(await attempt(trusting(vault.root), env)).toMatchObject({ exit: 3, code: "unreachable" });
  });

  test("is not believed where its certificates come from another root", async () => {
    const env = { VAULT_TOKEN: tokens.good };
    expect(await attempt(vaultLines({ ...vault, root: vault.ca }), env)).toMatchObject({
      exit: 2,
      code: "refused",
    });
  });

  test.each(["a token", "a token in a file", "an AppRole's secret"])(
    "what is logged in to it with is seen by no hook and left nowhere: %s",
    async (kind) => {
      const spying = spies();
      const project = testProject(() => withIssuer(lines())());
      const { file, run, leaks } = watched(project, spying);
      const { auth, secret, env } = await loginBy(kind, file);
      writeFileSync(join(project.directory, "fleetsec.yaml"), withIssuer([...lines(), ...auth])());
      const hook = ["--exec", spying.program("reload")];
      await run(["cert", "issue", "truck-17", "--role", "fleet-edge"], env);
      await run(["cert", "rotate", "--force", "--audit", "audit.jsonl", ...hook], env);
      await run(["cert", "revoke", "truck-17", ...hook], env);
      // with the wrong one, or where it may not
      await run(["--verbose", "cert", "issue", "tms", "--role", "tms-connector"], env, 2);
      expect(spying.count()).toBe(2);
      expect(leaks(secret)).toEqual([]);
      expect(leaksOf(secret)).toContain("environ");
    },
  );

  async function loginBy(kind: string, file: (name: string, text: string) => string) {
    if (kind === "a token") return { auth: [], secret: tokens.good, env: { VAULT_TOKEN: tokens.good } };
    if (kind === "a token in a file") {
      const auth = [`  auth: {method: token, token_file: ${file("token", tokens.good)}}`];
      return { auth, secret: tokens.good, env: {} };
    }
    const { data: role } = await vault.ask("auth/approle/role/edge/role-id");
    const { data } = await vault.ask("auth/approle/role/edge/secret-id", {});
    const secret: string = data.secret_id;
    const auth = [`  auth: {method: approle, role_id: ${role.role_id}}`];
    return { auth, secret, env: { FLEETSEC_VAULT_SECRET_ID: secret } };
  }

  // the last: what is sealed stays so
  test("is sealed: nothing is issued, and that is what is said", async () => {
    const env = { VAULT_TOKEN: tokens.good };
    expect(await attempt(lines(), env)).toMatchObject(issued);
    await vault.ask("sys/seal", {}, "PUT");
    const sealed = await attempt(lines(), env);
    expect(sealed).toMatchObject({ exit: 3, code: "issuer" });
    expect(sealed.text).toContain("sealed");
  });
});

describeWithEngines(["hcl2"], "python-hcl2", ({ hcl2 }) => {
  test("reads the policies that scaffold vault writes", async () => {
    const project = testProject();
    await project.run(["scaffold", "vault"]);
    const policies = project.files().filter((path) => path.endsWith(".hcl"));
    expect(policies).toHaveLength(4);
    const paths = policies.map((path) => {
      const read = JSON.parse(execFileSync(hcl2.path, [path], { encoding: "utf8", stdio: "pipe" }));
      return Object.keys(read.path[0])[0];
    });
    expect(paths.map(String).sort((a, b) => a.localeCompare(b))).toEqual(
      ["pki/revoke", "pki/sign/fleet-edge", "pki/sign/gateway", "pki/sign/tms-connector"].map(
        (path) => `"${path}"`,
      ),
    );
  });
});

const TOKENS: Readonly<Record<string, (tokens: { ended: string; other: string }) => string>> = {
  "ended-token": ({ ended }) => ended,
  "not-allowed": ({ other }) => other,
};

function vaultLines({ address, ca, root }: { address: string; ca: string; root: string }): string[] {
  return [
    "issuer: vault",
    `trust_anchor: ${root}`,
    "vault:",
    `  address: ${address}`,
    `  ca: ${ca}`,
    "  root_mount: pki-root",
  ];
}

async function readText(path: string): Promise<string> {
  const { readFile } = await import("node:fs/promises");
  return readFile(path, "utf8");
}
