import { execFile } from "node:child_process";
import { chmodSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { scratch } from "../support/scratch.ts";
import { engine, vectors } from "./engines.ts";

describe("engine", () => {
  test("is what the installer listed", () => {
    const peers = scratch();
    const listed = { path: program(peers, "opa-1.2.3"), version: "1.2.3" };
    expect(engine("opa", { FLEETSEC_PEERS: peersWith(peers, { opa: listed }) })).toEqual(listed);
  });

  test("is looked for on PATH when the installer did not run, could not have it, or its program has gone", () => {
    const bin = scratch();
    const path = program(bin, "opa");
    for (const listed of [
      {},
      { opa: { missing: "no go" } },
      { opa: { path: "/no/such/opa", version: "1" } },
    ]) {
      const env = { FLEETSEC_PEERS: peersWith(scratch(), listed), PATH: `/no/such/folder:${bin}` };
      expect(engine("opa", env)).toEqual({ path, version: "unknown" });
    }
    expect(engine("opa", { FLEETSEC_PEERS: "/no/such/folder", PATH: bin })).toEqual({
      path,
      version: "unknown",
    });
  });

  test("is missing with the installer's reason, and what to do", () => {
    const peers = peersWith(scratch(), { opa: { missing: "no go on this machine" } });
    expect(engine("opa", { FLEETSEC_PEERS: peers, PATH: "" })).toEqual({
      missing: "no go on this machine: run `npm run peers`",
    });
    expect(engine("opa", { FLEETSEC_PEERS: "/no/such/folder", PATH: scratch() })).toEqual({
      missing: "not installed: run `npm run peers`",
    });
  });

  test("lies under XDG_CACHE_HOME by default", () => {
    const cache = scratch();
    const peers = join(cache, "fleetsec/peers");
    mkdirSync(peers, { recursive: true });
    const listed = { path: program(peers, "opa"), version: "1" };
    peersWith(peers, { opa: listed });
    expect(engine("opa", { XDG_CACHE_HOME: cache })).toEqual(listed);
  });
});

describe("vectors", () => {
  test("lie under FLEETSEC_VECTORS, or are missing by name", () => {
    const root = scratch();
    writeFileSync(join(root, "some.json"), "{}");
    expect(vectors("some.json", { FLEETSEC_VECTORS: root })).toEqual({ path: join(root, "some.json") });
    expect(vectors("other.json", { FLEETSEC_VECTORS: root })).toEqual({
      missing: `no ${join(root, "other.json")}: set FLEETSEC_VECTORS`,
    });
  });
});

describe("a suite that lacks its engine or vectors", () => {
  const engineNeeded = "needs no-such-engine: not installed: run `npm run peers`";
  const vectorsNeeded = "needs vectors no-such-vectors.json: no /no/such/folder/no-such-vectors.json";

  test("is skipped, and named with the reason after the summary", async () => {
    const { failed, output } = await runLacking("");
    expect(failed).toBe(false);
    expect(output).toContain("1 passed | 3 skipped");
    expect(output).toContain(`skipped: test/peers/lacking/suite.ts: outer > gateway (${engineNeeded})`);
    expect(output).toContain(
      "lacking/suite.ts: a page of what it does (needs node: of no known version: run `npm run peers`)",
    );
    expect(output).toContain(`skipped: test/peers/lacking/suite.ts: signatures (${vectorsNeeded}`);
  });

  test("fails where FLEETSEC_REQUIRE_ENGINES is 1", async () => {
    const { failed, output } = await runLacking("1");
    expect(failed).toBe(true);
    expect(output).toContain("3 failed | 1 passed");
    expect(output).toContain(`Error: ${engineNeeded}`);
    expect(output).toContain(`Error: ${vectorsNeeded}`);
  });
});

function peersWith(peers: string, engines: object): string {
  writeFileSync(join(peers, "engines.json"), JSON.stringify(engines));
  return peers;
}

function program(directory: string, name: string): string {
  const path = join(directory, name);
  writeFileSync(path, "");
  chmodSync(path, 0o755);
  return path;
}

/** Runs vitest over lacking/suite.ts in a process of its own. */
function runLacking(required: string): Promise<{ failed: boolean; output: string }> {
  const args = [
    "node_modules/vitest/vitest.mjs",
    "run",
    "--config",
    "test/peers/lacking/vitest.config.ts",
    "--root",
    ".",
  ];
  const env = {
    PATH: process.env["PATH"],
    NO_COLOR: "1",
    FLEETSEC_PEERS: scratch(),
    FLEETSEC_VECTORS: "/no/such/folder",
    FLEETSEC_REQUIRE_ENGINES: required,
  };
  return new Promise((resolve) => {
    execFile(process.execPath, args, { env }, (error, stdout, stderr) => {
      resolve({ failed: error !== null, output: stdout + stderr });
    });
  });
}
