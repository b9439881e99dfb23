import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { systemExec } from "../../src/platform/exec.ts";
import { type CliResult, runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";

const MINIMAL = "version: 1\nname: acme\ndomain: fleet.internal\n";

interface Project {
  readonly directory: string;
  readonly at: (path: string) => string;
  readonly text: (path: string) => string;
  readonly run: (...argv: string[]) => Promise<CliResult>;
  /** Puts a program on PATH that says something and ends with `code`; every other program is missing. */
  readonly engine: (name: string, code: number, says?: string) => void;
}

function project(config = MINIMAL): Project {
  const directory = scratch();
  const bin = scratch();
  const at = (path: string) => join(directory, path);
  writeFileSync(at("fleetsec.yaml"), config);
  return {
    directory,
    at,
    text: (path) => readFileSync(at(path), "utf8"),
    run: (...argv) =>
      runCli(["scaffold", ...argv], {
        cwd: directory,
        columns: 300,
        exec: systemExec({ PATH: bin }),
        userState: join(bin, "state"),
      }),
    engine(name, code, says = "") {
      const path = join(bin, name);
      writeFileSync(path, `#!/bin/sh\nprintf '%b' '${says}'\necho "$@" > '${bin}/asked'\nexit ${code}\n`);
      chmodSync(path, 0o755);
    },
  };
}

/** What the gateway's engine opens. */
function credentials({ at }: Project): void {
  for (const path of ["ca/bundle.pem", "ca/crl.pem", "certs/gateway/current/bundle.pem"]) {
    mkdirSync(dirname(at(join(".fleetsec", path))), { recursive: true });
    writeFileSync(at(join(".fleetsec", path)), "");
  }
}

function document(result: CliResult): Record<string, unknown> {
  const parsed = JSON.parse(result.stdout) as { schema: string };
  const name = parsed.schema.replace(/^fleetsec\.(.*)\/v1$/, "$1.v1.json");
  const schema = JSON.parse(
    readFileSync(new URL(`../../docs/schema/${name}`, import.meta.url), "utf8"),
  ) as object;
  const ajv = new Ajv2020({ strict: true });
  ajv.validate(schema, parsed);
  expect(ajv.errors).toBeNull();
  return parsed;
}

describe("scaffold", () => {
  test("writes the gateways of the configuration, and opa, below deploy", async () => {
    const it = project(`${MINIMAL}gateway: {kinds: [nginx, envoy], listen: "[::1]:9443"}\n`);
    const { code, stdout, stderr } = await it.run();
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    expect(stdout).toContain("created  deploy/nginx/nginx.conf\n");
    expect(it.text("deploy/nginx/nginx.conf")).toContain('listen "[::1]:9443" ssl');
    expect(it.text("deploy/envoy/envoy.yaml")).toContain('address: "::1", port_value: 9443');
    expect(readdirSync(it.at("deploy"))).toEqual(["envoy", "nginx", "opa"]);
    expect(statSync(it.at("deploy/nginx/nginx.conf")).mode & 0o777).toBe(0o644);
  });

  test("writes the templates that are named, each once, where --out says", async () => {
    const it = project();
    const { code } = await it.run("opa", "opa", "--out", "else/where");
    expect(code).toBe(0);
    expect(readdirSync(it.at("else/where"))).toEqual(["opa"]);
    expect(readdirSync(it.directory).sort()).toEqual(["else", "fleetsec.yaml"]);
  });

  test("run again, writes nothing", async () => {
    const it = project();
    await it.run("nginx");
    const before = statSync(it.at("deploy/nginx/nginx.conf")).mtimeMs;
    const result = await it.run("nginx", "--json");
    expect(result.code).toBe(0);
    expect(document(result)).toMatchObject({
      ok: true,
      out: it.at("deploy"),
      files: [{ template: "nginx", path: "nginx/nginx.conf", action: "unchanged", written: false }],
    });
    expect(statSync(it.at("deploy/nginx/nginx.conf")).mtimeMs).toBe(before);
  });

  test("shows what differs, escaped, and leaves it; --force replaces it", async () => {
    const it = project();
    await it.run("nginx");
    const edited = it
      .text("deploy/nginx/nginx.conf")
      .replace("ssl_verify_client on", "ssl_verify_client off\u001b");
    writeFileSync(it.at("deploy/nginx/nginx.conf"), edited);
    const shown = await it.run("nginx");
    expect(shown.code).toBe(1);
    expect(shown.stdout).toContain("differs  deploy/nginx/nginx.conf");
    expect(shown.stdout).toMatch(/-\s+ssl_verify_client off\\u\{1b\};\n\s+\+\s+ssl_verify_client on;/);
    expect(shown.stderr).toContain("--force");
    expect(it.text("deploy/nginx/nginx.conf")).toBe(edited);
    const json = await it.run("nginx", "--json", "--quiet");
    expect(json.code).toBe(1);
    expect(json.stderr).toBe("");
    expect(document(json)).toMatchObject({
      ok: false,
      files: [
        {
          action: "differs",
          written: false,
          diff: expect.stringContaining("+        ssl_verify_client on;") as string,
        },
      ],
    });
    const forced = await it.run("nginx", "--force");
    expect(forced.code).toBe(0);
    expect(forced.stdout).toContain("replaced  deploy/nginx/nginx.conf");
    expect(it.text("deploy/nginx/nginx.conf")).toContain("ssl_verify_client on;");
  });

  test("never touches the deny list once it is there", async () => {
    const it = project();
    await it.run("opa");
    const list = "deploy/opa/policy/suspended/data.yaml";
    writeFileSync(it.at(list), "identities: [FF]\nvehicles: []\n");
    const { code, stdout } = await it.run("opa", "--force");
    expect(code).toBe(0);
    expect(stdout).toContain(`kept       ${list}`);
    expect(it.text(list)).toBe("identities: [FF]\nvehicles: []\n");
  });

  test("--dry-run writes nothing", async () => {
    const it = project();
    const { code, stdout } = await it.run("nginx", "--dry-run");
    expect(code).toBe(0);
    expect(stdout).toContain("would create  deploy/nginx/nginx.conf");
    expect(readdirSync(it.directory)).toEqual(["fleetsec.yaml"]);
    expect(document(await it.run("nginx", "--dry-run", "--json"))).toMatchObject({ dryRun: true });
  });

  test("what belongs to the project itself is written there, and with --out into that directory", async () => {
    const it = project();
    const { code, stdout } = await it.run("ci-github", "ci-gitlab");
    expect(code).toBe(0);
    expect(stdout).toContain("created  .github/workflows/fleetsec.yml\n");
    expect(it.text(".gitlab-ci.yml")).toContain("fleetsec probe --report junit=");
    expect(readdirSync(it.directory).sort()).toEqual([".github", ".gitlab-ci.yml", "fleetsec.yaml"]);
    const json = await it.run("ci-github", "--json");
    expect(document(json)).toMatchObject({
      out: it.at("deploy"),
      files: [{ path: "../.github/workflows/fleetsec.yml", action: "unchanged" }],
    });
    await it.run("ci-github", "--out", "else");
    expect(it.text("else/.github/workflows/fleetsec.yml")).toBe(it.text(".github/workflows/fleetsec.yml"));
    writeFileSync(it.at(".gitlab-ci.yml"), "mine: {script: [x]}\n");
    expect((await it.run("ci-gitlab")).code).toBe(1);
    expect(it.text(".gitlab-ci.yml")).toBe("mine: {script: [x]}\n");
  });

  test("--list names every template, and needs no project", async () => {
    const it = project();
    rmSync(it.at("fleetsec.yaml"));
    const { code, stdout } = await it.run("--list");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^envoy .*\n(.*\n)*nginx .*\nopa .*\n/m);
    expect(document(await it.run("--list", "--json"))).toMatchObject({
      templates: expect.arrayContaining([
        expect.objectContaining({ name: "nginx", files: ["nginx.conf"], engines: ["nginx"] }),
      ]) as unknown,
    });
  });
});

describe("scaffold --check", () => {
  test("asks the engine about what it wrote, in a place that is gone afterwards", async () => {
    const it = project();
    credentials(it);
    it.engine("nginx", 0);
    const result = await it.run("nginx", "--check", "--json");
    expect(result.code).toBe(0);
    const { checks } = document(result) as { checks: { command: string[]; outcome: string }[] };
    expect(checks).toHaveLength(1);
    expect(checks[0]).toMatchObject({ outcome: "accepted" });
    const { command = [] } = checks[0] ?? {};
    expect(command.slice(0, 4)).toEqual(["nginx", "-t", "-q", "-p"]);
    expect(command.at(-1)).toBe(it.at("deploy/nginx/nginx.conf"));
    expect(() => statSync(command[4] ?? "")).toThrow("ENOENT");
  });

  test("an engine that refuses is a finding, and its words are escaped", async () => {
    const it = project();
    credentials(it);
    it.engine("nginx", 1, "bad\\033[31m config\\n");
    const { code, stdout } = await it.run("nginx", "--check");
    expect(code).toBe(1);
    expect(stdout).toContain("refused  nginx by nginx: nginx -t");
    expect(stdout).toContain("  bad\\u{1b}[31m config");
    const result = await it.run("nginx", "--check", "--json");
    expect(document(result)).toMatchObject({ ok: false, checks: [{ outcome: "refused" }] });
  });

  test("an engine that is missing leaves it unestablished, by name and with the way to get it", async () => {
    const it = project();
    credentials(it);
    const { code, stdout } = await it.run("nginx", "--check");
    expect(code).toBe(3);
    expect(stdout).toMatch(
      /not-run {2}nginx by nginx: .*\n {2}nginx is not on PATH\n {2}get it: apt-get install nginx/,
    );
    const result = await it.run("nginx", "--check", "--json");
    expect(document(result)).toMatchObject({ ok: false, checks: [{ outcome: "not-run" }] });
  });

  test("no line is longer than the terminal is wide", async () => {
    const it = project();
    credentials(it);
    it.engine("nginx", 1, "a long line of the engine's words ".repeat(5));
    const { stdout } = await runCli(["scaffold", "nginx", "--check"], {
      cwd: it.directory,
      exec: systemExec({ PATH: scratch() }),
    });
    expect(stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
  });

  test("so does a certificate that has not been issued", async () => {
    const it = project();
    it.engine("nginx", 0);
    const { code, stdout } = await it.run("nginx", "--check");
    expect(code).toBe(3);
    expect(stdout).toContain(".fleetsec/certs/gateway/current/bundle.pem does not exist");
  });

  test("a CRL is needed only where the configuration asks for it", async () => {
    for (const [crl, expected] of [
      [true, 3],
      [false, 0],
    ] as const) {
      const it = project(`${MINIMAL}gateway: {crl: ${crl}}\n`);
      credentials(it);
      rmSync(it.at(".fleetsec/ca/crl.pem"));
      it.engine("nginx", 0);
      expect((await it.run("nginx", "--check")).code).toBe(expected);
    }
  });

  test("one that was killed has said nothing", async () => {
    const it = project();
    credentials(it);
    it.engine("nginx", 0, "");
    writeFileSync(it.at("kill"), "");
    const bin = scratch();
    writeFileSync(join(bin, "nginx"), "#!/bin/sh\nkill -9 $$\n");
    chmodSync(join(bin, "nginx"), 0o755);
    const { code, stdout } = await runCli(["scaffold", "nginx", "--check"], {
      cwd: it.directory,
      exec: systemExec({ PATH: bin }),
      userState: join(bin, "state"),
    });
    expect(code).toBe(3);
    expect(stdout).toContain("not-run");
  });

  test("with --dry-run there is nothing to check", async () => {
    const it = project();
    const { code, stderr } = await it.run("nginx", "--check", "--dry-run");
    expect(code).toBe(2);
    expect(stderr).toContain("--dry-run");
  });
});

describe("scaffold with bad input", () => {
  test.each([
    [["nosuch"], "there is no template nosuch"],
    [["../nginx"], "there is no template ../nginx"],
    [["--bad"], "unknown option"],
  ])("%j is a usage error, and writes nothing", async (argv, message) => {
    const it = project();
    const { code, stderr } = await it.run("nginx", ...argv);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(readdirSync(it.directory)).toEqual(["fleetsec.yaml"]);
  });

  test("without a project it says so", async () => {
    const it = project();
    rmSync(it.at("fleetsec.yaml"));
    expect((await it.run("nginx")).code).toBe(2);
  });

  test.each<[string, (it: Project) => void]>([
    [
      "a directory where a file goes",
      (it) => mkdirSync(it.at("deploy/nginx/nginx.conf"), { recursive: true }),
    ],
    [
      "a symlink where a file goes",
      (it) => {
        mkdirSync(it.at("deploy/nginx"), { recursive: true });
        symlinkSync("/etc/passwd", it.at("deploy/nginx/nginx.conf"));
      },
    ],
    [
      "a symlink where a directory goes",
      (it) => {
        mkdirSync(it.at("elsewhere"));
        mkdirSync(it.at("deploy"));
        symlinkSync("../elsewhere", it.at("deploy/nginx"));
      },
    ],
    [
      "a file where a directory goes",
      (it) => {
        mkdirSync(it.at("deploy"));
        writeFileSync(it.at("deploy/nginx"), "");
      },
    ],
  ])("%s is not followed or replaced, and nothing else is written", async (_, prepare) => {
    const it = project();
    prepare(it);
    const { code, stderr } = await it.run("opa", "nginx", "--force");
    expect(code).toBe(2);
    expect(stderr).toContain("is in the way");
    expect(readdirSync(it.at("deploy"))).toEqual(["nginx"]);
  });

  test("a value that a language cannot hold is a configuration error, and nothing is written", async () => {
    const it = project(`${MINIMAL}state: "a$b"\n`);
    const { code, stderr } = await it.run("opa", "nginx");
    expect(code).toBe(2);
    expect(stderr).toContain("nginx would take $ for the start of a variable");
    expect(readdirSync(it.directory)).toEqual(["fleetsec.yaml"]);
  });
});

describe("routes in the configuration", () => {
  const withRoutes = (...paths: string[]) =>
    `${MINIMAL}gateway:\n  routes:\n${paths.map((path) => `    - {method: GET, path: "${path}", verb: "a:b"}\n`).join("")}`;

  test.each([
    [["/a/{x}", "/a/b"], "line 7: gateway.routes.1"],
    [["/{x}/b", "/a/{y}"], "line 7: gateway.routes.1"],
    [["/{x}/{x}"], "line 6: gateway.routes.0.path"],
    [["/a//b"], "line 6: gateway.routes.0.path"],
    [["/../b"], "line 6: gateway.routes.0.path"],
  ])("%j are refused", async (paths, problem) => {
    const { code, stderr } = await project(withRoutes(...paths)).run("opa");
    expect(code).toBe(2);
    expect(stderr).toContain(problem);
  });

  test("that cannot be confused are taken", async () => {
    const { code } = await project(withRoutes("/a/{x}", "/b/{x}", "/a/{x}/c")).run("opa");
    expect(code).toBe(0);
  });
});
