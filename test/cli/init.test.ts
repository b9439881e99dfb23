import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { schemaErrors } from "../support/schema.ts";

interface Document {
  readonly schema: string;
  readonly files: readonly {
    readonly path: string;
    readonly action: string;
    readonly written: boolean;
    readonly diff?: string;
  }[];
  readonly provided: readonly { readonly what: string; readonly action: string }[];
}

/** A scratch directory, a place for the user's own state, and `init` run there with --json. */
function place() {
  const directory = scratch();
  const [cwd, userState] = [join(directory, "project"), join(directory, "state")];
  const init = async (...argv: string[]) => {
    const result = await runCli(["init", cwd, "--yes", "--json", ...argv], { cwd: directory, userState });
    return { code: result.code, document: JSON.parse(result.stdout) as Document & { code?: string } };
  };
  return { directory, cwd, userState, init };
}

const snapshot = (directory: string) =>
  readdirSync(directory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
    .map((path) => `${path}: ${readFileSync(path).toString("base64")}`);

describe("init", () => {
  test.each([
    ["github", ".github/workflows/fleetsec.yml"],
    ["gitlab", ".gitlab-ci.yml"],
  ])("--ci %s writes a job that probes, once", async (service, path) => {
    const { cwd, init } = place();
    const { code, document } = await init("--ci", service);
    expect(code).toBe(0);
    expect(document.files).toContainEqual(expect.objectContaining({ path, action: "create", written: true }));
    expect(readFileSync(join(cwd, path), "utf8")).toContain("fleetsec probe --report");
    const again = await init("--ci", service);
    expect(again.document.files).toContainEqual(expect.objectContaining({ path, action: "unchanged" }));
  });

  test("writes a configuration, CA, certificates and templates; no key that others can read", async () => {
    const { cwd, userState, init } = place();
    const { code, document } = await init(
      "--name",
      "acme",
      "--domain",
      "trucks.test",
      "--gateway",
      "nginx",
      "envoy",
    );
    expect(code).toBe(0);
    expect(schemaErrors(document)).toEqual([]);
    const config = parse(readFileSync(join(cwd, "fleetsec.yaml"), "utf8")) as object;
    expect(config).toMatchObject({
      name: "acme",
      domain: "trucks.test",
      gateway: { kinds: ["nginx", "envoy"] },
    });
    expect(config).toMatchObject({
      pki: {
        roles: {
          "fleet-edge": { usages: ["client"], ttl: "24h", max_ttl: "72h" },
          gateway: { usages: ["server"] },
        },
      },
    });
    expect(document.provided.map(({ what }) => what)).toEqual([
      "CA",
      "certificate gateway",
      "certificate tms",
    ]);
    for (const path of [
      "deploy/nginx/nginx.conf",
      "deploy/envoy/envoy.yaml",
      "deploy/opa/policy/authz.rego",
    ]) {
      expect(existsSync(join(cwd, path))).toBe(true);
    }
    expect(readFileSync(join(cwd, ".gitignore"), "utf8")).toContain(".fleetsec/\n");
    expect(statSync(join(cwd, ".fleetsec")).mode & 0o077).toBe(0);
    const keys = readdirSync(cwd, { recursive: true, encoding: "utf8" }).filter((path) =>
      /key|bundle/.test(path),
    );
    for (const path of keys.filter((name) => readFileSync(join(cwd, name), "utf8").includes("PRIVATE"))) {
      expect([path, statSync(join(cwd, path)).mode & 0o777]).toEqual([path, 0o600]);
    }
    // the CA's keys are encrypted, and what opens them is outside the project
    const ca = join(cwd, ".fleetsec", "ca", "1");
    expect(readFileSync(join(ca, "issuing-key.pem"), "utf8")).toContain("ENCRYPTED PRIVATE KEY");
    expect(readdirSync(join(userState, "ca"))).toHaveLength(1);
  });

  test("run again, it changes nothing", async () => {
    const { directory, init } = place();
    await init();
    const before = snapshot(directory);
    const { code, document } = await init();
    expect(code).toBe(0);
    expect(snapshot(directory)).toEqual(before);
    expect(document.files.some(({ written }) => written)).toBe(false);
    expect(document.provided.every(({ action }) => action === "kept")).toBe(true);
  });

  test("shows what differs and leaves it; --force replaces it, but no key", async () => {
    const { cwd, directory, init } = place();
    await init();
    const path = join(cwd, "fleetsec.yaml");
    writeFileSync(path, readFileSync(path, "utf8").replace("ttl: 24h", "ttl: 12h"));
    const before = snapshot(directory);
    const { document } = await init();
    expect(document.files.find((file) => file.path === "fleetsec.yaml")).toMatchObject({
      action: "differs",
      diff: expect.stringContaining("-      ttl: 12h") as string,
    });
    expect(snapshot(directory)).toEqual(before);
    await init("--force");
    const keys = (files: readonly string[]) =>
      files.filter((line) => line.includes("/.fleetsec/") || line.includes("/state/"));
    expect(keys(snapshot(directory))).toEqual(keys(before));
    expect(readFileSync(path, "utf8")).not.toContain("12h");
  });

  test("keeps the entries of a .gitignore and adds its own, once", async () => {
    const { cwd, init } = place();
    await init();
    writeFileSync(join(cwd, ".gitignore"), "dist");
    await init();
    await init();
    expect(readFileSync(join(cwd, ".gitignore"), "utf8")).toMatch(
      /^dist\n\.fleetsec\/\nkeys\/\n(deploy\/\S+\n)+$/,
    );
  });

  test("a teammate who has the configuration alone gets a CA of their own", async () => {
    const { cwd, init } = place();
    const other = place();
    await init("--name", "acme");
    writeFileSync(join(other.directory, "fleetsec.yaml"), readFileSync(join(cwd, "fleetsec.yaml")));
    const { code } = await runCli(["init", "--no-input"], {
      cwd: other.directory,
      userState: other.userState,
    });
    expect(code).toBe(0);
    expect(existsSync(join(other.directory, ".fleetsec/certs/tms/current/cert.pem"))).toBe(true);
  });

  test("takes a passphrase from a file, which then opens the CA", async () => {
    const { cwd, directory, userState, init } = place();
    const file = join(directory, "passphrase");
    writeFileSync(file, "correct horse battery\n", { mode: 0o600 });
    expect(await init("--passphrase-file", file)).toMatchObject({ code: 0 });
    expect(existsSync(join(userState, "ca"))).toBe(false);
    const issue = ["cert", "issue", "truck-1", "--role", "fleet-edge", "--no-input"];
    expect(await runCli(issue, { cwd, userState })).toMatchObject({ code: 2 });
    expect(await runCli([...issue, "--passphrase-file", file], { cwd, userState })).toMatchObject({
      code: 0,
    });
  });

  test("without --yes and without a terminal it takes the defaults; the text names the next steps", async () => {
    const { directory, userState } = place();
    const { code, stdout } = await runCli(["init", "My Fleet!"], { cwd: directory, userState });
    expect(code).toBe(0);
    expect(stdout).toContain("fleetsec probe");
    expect(stdout.split("\n").every((line) => line.length <= 80)).toBe(true);
    expect(readFileSync(join(directory, "My Fleet!", "fleetsec.yaml"), "utf8")).toContain("name: my-fleet\n");
  });

  test.each([
    [["--name", "Not A Name"], "usage"],
    [["--name", "x: y"], "usage"],
    [["--domain", "fleet.internal\nstate: /"], "usage"],
    [["--domain", "-"], "usage"],
    [["--gateway", "apache"], "usage"],
    [["--ci", "hudson"], "usage"],
    [["--passphrase-file", "/nowhere"], "not-found"],
  ])("%j is refused with 2 (%s)", async (argv, code) => {
    const { cwd, init } = place();
    const result = await init(...argv);
    expect(result).toMatchObject({ code: 2, document: { code } });
    expect(existsSync(cwd)).toBe(false);
  });

  test("a broken configuration is reported and nothing is written", async () => {
    const { cwd, directory, init } = place();
    await init();
    writeFileSync(join(cwd, "fleetsec.yaml"), "version: 7\n");
    const before = snapshot(directory);
    expect(await init("--force")).toMatchObject({ code: 2, document: { code: "config" } });
    expect(snapshot(directory)).toEqual(before);
  });

  test("what is in the way is named, and nothing is written", async () => {
    const { cwd, directory, userState } = place();
    writeFileSync(cwd, "a file");
    const { code } = await runCli(["init", cwd, "--yes"], { cwd: directory, userState });
    expect(code).toBe(2);
    expect(readFileSync(cwd, "utf8")).toBe("a file");
  });
});
