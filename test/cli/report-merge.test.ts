import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { readProbeDocument } from "../../src/cli/report/probe-document.ts";
import { FleetsecError } from "../../src/errors.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { partOf } from "../../src/probe/merge.ts";
import type { ProbeResult } from "../../src/probe/result.ts";
import { probeDocument } from "../../src/report/probe-document.ts";
import { anyProbeResult } from "../report/support/arbitrary.ts";
import {
  attackResult,
  endpointResult,
  manyFacedProbe,
  probeResult,
  selection,
} from "../report/support/fixtures.ts";
import { parseXml } from "../report/support/xml.ts";
import { runCli } from "../support/cli.ts";
import { inDays } from "../support/days.ts";
import { schemaErrors } from "../support/schema.ts";
import { scratch } from "../support/scratch.ts";

const TARGETS = ["https://a.example/", "https://b.example/"];

const onBoth = (
  changes: Parameters<typeof attackResult>[0],
  endpoint: Parameters<typeof endpointResult>[1],
) =>
  endpointResult(
    [attackResult({ ...changes, tls: "1.3" }), attackResult({ ...changes, tls: "1.2" })],
    endpoint,
  );

function shard(index: number, changes: Parameters<typeof attackResult>[0] = {}): ProbeResult {
  const part = { index, count: 2, targets: TARGETS };
  const own = partOf(TARGETS, part).map((target) => onBoth(changes, { target }));
  return { ...probeResult(...own), shard: part, selection: selection() };
}

function saved(results: Readonly<Record<string, ProbeResult>>) {
  const directory = scratch();
  for (const [name, result] of Object.entries(results)) {
    writeFileSync(join(directory, name), JSON.stringify(probeDocument(result)));
  }
  const run = (...argv: string[]) => runCli(["report", "merge", ...argv], { cwd: directory, env: {} });
  return { directory, run };
}

describe("report merge", () => {
  test.each<[string, ProbeResult, number]>([
    ["both enforced", shard(2), 0],
    ["one bypassed", shard(2, { outcome: "accepted" }), 1],
    ["one inconclusive", shard(2, { outcome: "inconclusive" }), 3],
  ])("%s: one document, one exit code, and reports", async (_, second, exit) => {
    const it = saved({ "1.json": shard(1), "2.json": second });
    const { code, stdout } = await it.run("2.json", "1.json", "--json", "--report", "junit=all.xml");
    expect(code).toBe(exit);
    const document: unknown = JSON.parse(stdout);
    expect(schemaErrors(document)).toEqual([]);
    expect(document).toMatchObject({ ok: exit === 0, missing: [] });
    expect(parseXml(readFileSync(join(it.directory, "all.xml"), "utf8")).attributes["tests"]).toBe("8");
  });

  test("a missing shard is exit 3, and said in every form", async () => {
    const it = saved({ "1.json": shard(1) });
    const { code, stdout } = await it.run("1.json", "--report", "junit=all.xml", "--report", "html=all.html");
    expect(code).toBe(3);
    expect(stdout).toContain("? shard 2/2 is missing: https://b.example/");
    expect(parseXml(readFileSync(join(it.directory, "all.xml"), "utf8")).attributes["errors"]).toBe("1");
    expect(readFileSync(join(it.directory, "all.html"), "utf8")).toContain("Shard 2/2 is missing");
  });

  test.each(["https://b.example/", "https://B.example:443"])(
    "is held to a baseline for %s",
    async (target) => {
      const it = saved({ "1.json": shard(1), "2.json": shard(2, { outcome: "accepted" }) });
      const expires = inDays(9);
      const entry = `attack: no-cert, target: "${target}", expires: ${expires}, reason: known`;
      writeFileSync(join(it.directory, "base.yaml"), `version: 1\naccept: [{${entry}}]\n`);
      const { code, stdout } = await it.run("1.json", "2.json", "--baseline", "base.yaml");
      expect(code).toBe(0);
      expect(stdout).toContain(`${expires}, by the baseline: known`);
    },
  );

  test.each([
    ["has an effect to the end of its last day", 0, 0],
    ["has none afterwards", -1, 1],
  ])("what another run's baseline accepted %s", async (_what, days, exit) => {
    const expires = inDays(days);
    const accepted = { outcome: "accepted", tolerated: { expires, reason: "known" } } as const;
    const it = saved({ "1.json": shard(1), "2.json": shard(2, accepted) });
    const { code, stderr } = await it.run("1.json", "2.json");
    expect(code).toBe(exit);
    const warning = `the baseline's entry for no-cert at https://b.example/ expired on ${expires}`;
    expect(stderr.includes(warning)).toBe(exit === 1);
  });

  test.each<[string, Partial<ProbeResult>]>([
    ["ok", { ok: false }],
    ["sums", { summary: { enforced: 3, bypassed: 0, inconclusive: 0 } }],
    ["endpoints", { endpoints: [], summary: { enforced: 0, bypassed: 0, inconclusive: 0 } }],
  ])("a document that contradicts itself in its %s is refused", async (_what, change) => {
    const [one, other] = ["https://a.example/", "https://b.example/"].map((target) =>
      probeResult(onBoth({}, { target })),
    );
    if (one === undefined || other === undefined) throw new Error("too few");
    const it = saved({ "1.json": one, "2.json": other, "bad.json": { ...other, ...change } });
    expect((await it.run("1.json", "2.json")).code).toBe(0);
    expect((await it.run("1.json", "bad.json")).code).toBe(2);
  });

  test.each([
    [["1.json", "1.json"], "is in 1.json and in 1.json"],
    [["1.json", "nothing.json"], "does not exist"],
    [["1.json", "bad.json"], "it is no JSON"],
    [["1.json", "other.json"], "endpoints"],
    [[], "missing required argument"],
  ])("%j is refused, and nothing is written", async (argv, message) => {
    const it = saved({ "1.json": shard(1) });
    writeFileSync(join(it.directory, "bad.json"), "{");
    writeFileSync(join(it.directory, "other.json"), '{"schema":"fleetsec.probe/v1","ok":true}');
    const { code, stderr } = await it.run(...argv, "--report", "junit=all.xml");
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(readdirSync(it.directory)).not.toContain("all.xml");
  });
});

describe("a probe's document", () => {
  test("is read back as it was written, whatever is in it", () => {
    const path = join(scratch(), "x.json");
    const back = (result: ProbeResult) => {
      writeFileSync(path, JSON.stringify(probeDocument(result)));
      return readProbeDocument(systemFiles, path);
    };
    expect(back(manyFacedProbe)).toEqual(manyFacedProbe);
    fc.assert(
      fc.property(anyProbeResult, (result) => {
        expect(back(result)).toEqual(JSON.parse(JSON.stringify(result)));
      }),
      { numRuns: 20 },
    );
  });

  test("is refused where the published schema refuses it", () => {
    const path = join(scratch(), "x.json");
    const good: unknown = probeDocument(manyFacedProbe);
    const accepted = (document: unknown) => {
      writeFileSync(path, JSON.stringify(document));
      try {
        readProbeDocument(systemFiles, path);
        return true;
      } catch (error) {
        if (error instanceof FleetsecError && error.code === "input") return false;
        throw error;
      }
    };
    const places = leaves(good);
    expect(accepted(good)).toBe(true);
    fc.assert(
      fc.property(fc.constantFrom(...places), fc.constantFrom(null, 7, "x", true, [], {}), (at, value) => {
        const changed = structuredClone(good);
        replace(changed, at, value);
        const bySchema = schemaErrors(changed).length === 0;
        expect(accepted(changed)).toBe(bySchema);
      }),
      { numRuns: 50 },
    );
  });
});

/** Every path in a document but that of its schema's name. */
function leaves(value: unknown, path: readonly string[] = []): string[][] {
  if (value === null || typeof value !== "object") return [[...path]];
  return Object.entries(value).flatMap(([key, inner]) =>
    path.length === 0 && key === "schema" ? [] : [[...path, key], ...leaves(inner, [...path, key])],
  );
}

function replace(root: unknown, path: readonly string[], value: unknown): void {
  let at = root as Record<string, unknown>;
  for (const key of path.slice(0, -1)) at = at[key] as Record<string, unknown>;
  at[path.at(-1) ?? ""] = value;
}
