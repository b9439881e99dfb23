import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { initialConfig } from "../../src/config/initial.ts";
import { findConfig, loadConfig, parseConfig } from "../../src/config/load.ts";
import { FleetsecError } from "../../src/errors.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { scratch } from "../support/scratch.ts";

const minimal = "version: 1\nname: acme\ndomain: fleet.internal\n";

const problemsOf = (text: string): readonly string[] => {
  try {
    parseConfig(text, "fleetsec.yaml");
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "config") {
      return error.problems.length > 0 ? error.problems : [error.message];
    }
    throw error;
  }
  return [];
};

describe("parseConfig", () => {
  test("fills in defaults and reads durations as seconds", () => {
    const config = parseConfig(`${minimal}pki: {roles: {edge: {usages: [client]}}}\n`, "f");
    expect(config.pki.roles["edge"]).toMatchObject({ ttl: 86_400, max_ttl: 259_200, allow_ip_sans: false });
    expect(config).toMatchObject({
      state: ".fleetsec",
      gateway: { kinds: ["nginx"], listen: "127.0.0.1:8443" },
    });
  });

  test("a log in S3 may be locked", () => {
    const { logs } = parseConfig(`${minimal}logs: {store: "s3://bucket/log", retention: 30d}\n`, "f");
    expect(logs.retention).toBe(30 * 86_400);
  });

  test("what init writes is valid", () => {
    const text = initialConfig({ name: "acme", domain: "fleet.internal", gateways: ["nginx", "envoy"] });
    expect(parseConfig(text, "f").pki.roles["fleet-edge"]).toMatchObject({ ttl: 86_400, max_ttl: 259_200 });
  });

  test.each([
    ["name: 7", "name: must be text"],
    ["domain: {}", "domain: must be text"],
    ["pki: {roles: {e: {usages: [clent]}}}", "pki.roles.e.usages.0: must be one of client, server"],
    ["pki: {roles: {e: {usages: []}}}", "pki.roles.e.usages: must have at least 1 item"],
    ["pki: {roles: {E: {usages: [client]}}}", "pki.roles.E: not a name that can stand here: use 1-63 of"],
    ["pki: {crl_url: nothing}", "pki.crl_url: not a URL"],
    ["gateway: {max_body: 1.5}", "gateway.max_body: must be a whole number"],
    ["gateway: {max_body: 1}", "gateway.max_body: must be at least 1024"],
    ["gateway: {crl: maybe}", "gateway.crl: must be true or false"],
    ["gateway: {kinds: nginx}", "gateway.kinds: must be a list"],
    ["gateway: {upstream: 5}", "gateway.upstream: must be text, or a list"],
    ["probe: {concurrency: 99}", "probe.concurrency: must be at most 64"],
    ['logs: {store: ""}', "logs.store: must have at least 1 character"],
    ["probe: 3", "probe: must be a mapping"],
    ["probe: {timeout: 1s, timeout: 2s}", "line 4: map keys must be unique"],
  ])("%s: the problem is told in our own words", (text, expected) => {
    const lines = minimal.split("\n").filter((line) => line.split(":")[0] !== text.split(":")[0]);
    expect(problemsOf(`${lines.join("\n")}${text}\n`).join("\n")).toContain(expected);
  });

  test("a key that is missing is said to be", () => {
    expect(problemsOf("version: 1\nname: acme\n")).toEqual(["line 1: domain: is missing"]);
  });

  test("reports every problem at once, each with line and path", () => {
    const problems = problemsOf(`version: 2
name: Acme!
domain: fleet.internal
extra: 1
pki:
  roles:
    edge:
      usages: [client, admin]
      ttl: -1h
      surprise: true
gateway:
  listen: 127.0.0.1:0
`);
    expect(problems.map((problem) => problem.split(": ").slice(0, 2).join(": "))).toEqual([
      "line 1: version",
      "line 2: name",
      "line 4: extra",
      "line 8: pki.roles.edge.usages.1",
      "line 9: pki.roles.edge.ttl",
      "line 10: pki.roles.edge.surprise",
      "line 12: gateway.listen",
    ]);
  });

  test.each([
    [
      "ttl over max_ttl",
      "pki: {roles: {a: {usages: [client], ttl: 5d, max_ttl: 2d}}}",
      "line 4: pki.roles.a.ttl",
    ],
    [
      "max_ttl over the issuer's",
      "pki: {intermediate_ttl: 1d, roles: {a: {usages: [client]}}}",
      "line 4: pki.roles.a.max_ttl",
    ],
    ["intermediate over root", "pki: {root_ttl: 1d, intermediate_ttl: 2d}", "line 4: pki.intermediate_ttl"],
    ["a lock without S3", "logs: {retention: 365d}", "line 4: logs.retention"],
    ["a lock of a week", "logs: {store: 's3://bucket/log', retention: 7d}", "line 4: logs.retention"],
    ["port out of range", "gateway: {listen: 'localhost:65536'}", "line 4: gateway.listen"],
    ["a duplicate key", "name: again", "line 4: "],
    ["broken YAML", "pki: [", "line "],
    ["a tab", "pki:\n\troles: {}", "line 5: "],
    ["an unknown tag", "state: !!js/function 'x'", "line 4: "],
  ])("%s is refused in its line", (_, text, start) => {
    const [first] = problemsOf(`${minimal}${text}\n`);
    expect(first).toMatch(new RegExp(`^${start}`));
  });

  test("an alias bomb ends at once", () => {
    const levels = ["a: &a [x,x,x,x,x,x,x,x,x]"];
    for (let i = 1; i < 12; i += 1) {
      const [previous, name] = [String.fromCharCode(96 + i), String.fromCharCode(97 + i)];
      levels.push(`${name}: &${name} [${Array(9).fill(`*${previous}`).join(",")}]`);
    }
    expect(problemsOf(levels.join("\n"))).not.toEqual([]);
  });

  test.each([
    ["brackets", "a: " + "[".repeat(100_000)],
    ["dashes", "- ".repeat(100_000)],
    ["question marks", "? ".repeat(100_000)],
    ["documents", "---\na: 1\n---\nb: 2\n"],
  ])("%s without end are an error, and no more", (_what, text) => {
    expect(problemsOf(text)).not.toEqual([]);
  });

  test("__proto__ is an unknown key and pollutes nothing", () => {
    expect(problemsOf(`${minimal}__proto__: {polluted: 1}\n`)).not.toEqual([]);
    expect(problemsOf(`${minimal}pki: {roles: {__proto__: {usages: [client]}}}\n`)).not.toEqual([]);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  });

  test("no text makes it fail in another way", () => {
    const fragment = fc.constantFrom(
      "a",
      ":",
      " ",
      "\n",
      "- ",
      "[",
      "]",
      "{",
      "}",
      "&a",
      "*a",
      "!!",
      "'",
      '"',
      "|",
      "#",
      "pki",
      "roles",
      "1",
    );
    fc.assert(
      fc.property(fc.array(fragment, { maxLength: 30 }), (parts) => {
        // problemsOf throws for anything but a FleetsecError of code config
        expect(() => problemsOf(minimal + parts.join(""))).not.toThrow();
      }),
    );
  });
});

describe("finding the file", () => {
  test("the nearest one upwards is taken; none is undefined", () => {
    const directory = scratch();
    mkdirSync(join(directory, "a", "b"), { recursive: true });
    expect(findConfig(systemFiles, "/")).toBeUndefined();
    writeFileSync(join(directory, "fleetsec.yaml"), minimal);
    const path = findConfig(systemFiles, join(directory, "a", "b"));
    expect(path).toBe(join(directory, "fleetsec.yaml"));
    expect(loadConfig(systemFiles, path ?? "").directory).toBe(directory);
  });

  test("a file too large, or not UTF-8, is refused", () => {
    const path = join(scratch(), "fleetsec.yaml");
    writeFileSync(path, " ".repeat((1 << 20) + 1));
    expect(() => loadConfig(systemFiles, path)).toThrow(expect.objectContaining({ code: "input" }));
    writeFileSync(path, Buffer.from([0xff]));
    expect(() => loadConfig(systemFiles, path)).toThrow(expect.objectContaining({ code: "input" }));
  });
});
