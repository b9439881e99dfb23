// @module-tag long
import { createPrivateKey, randomInt, X509Certificate } from "node:crypto";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { testProject } from "../support/project.ts";
import { soaked } from "../support/soak.ts";

const PRELOAD = new URL("peak-memory.mjs", import.meta.url).pathname;
const bin = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
const COUNT = soaked(700, 10_000);
const KILLS = soaked(2, 15);
const ISSUE = ["cert", "issue", "--from", "fleet.csv", "--role", "fleet-edge", "--out", "fleet"];

interface Issued {
  readonly op: string;
  readonly name: string;
  readonly serial: string;
  readonly files: { readonly directory: string; readonly generation: number };
}

/** Every certificate that the inventory calls issued, once its files are found to be whole. */
function issuedIn(directory: string): string[] {
  const state = join(directory, ".fleetsec");
  const lines = readFileSync(join(state, "inventory.jsonl"), "utf8").split("\n").slice(1, -1);
  const records = lines.map((line) => JSON.parse(line) as Issued).filter(({ op }) => op === "issue");
  for (const { serial, files } of records) {
    const generation = join(state, files.directory, String(files.generation));
    const read = (name: string) => readFileSync(join(generation, name), "utf8");
    const certificate = new X509Certificate(read("cert.pem"));
    expect(certificate.serialNumber).toBe(serial);
    expect(certificate.checkPrivateKey(createPrivateKey(read("key.pem")))).toBe(true);
    expect(read("bundle.pem")).toBe(read("key.pem") + read("cert.pem") + read("chain.pem"));
  }
  return records.map(({ name }) => name);
}

test(
  "a roster is issued through kill -9 at any moment: nothing is lost, torn or issued twice",
  { timeout: soaked(240_000, 3_600_000) },
  async () => {
    const project = testProject();
    const { directory } = project;
    await project.run(["ca", "init", "--insecure-dev-key"]);
    const names = Array.from({ length: COUNT }, (_, n) => `truck-${n}`);
    writeFileSync(join(directory, "fleet.csv"), `name\n${names.join("\n")}\n`);
    const start = () => {
      const child = spawn(process.execPath, [bin, ...ISSUE], {
        cwd: directory,
        stdio: ["ignore", "ignore", "pipe"],
      });
      return { child, closed: once(child, "close") as Promise<[number | null]> };
    };
    for (let kills = 0; kills < KILLS; kills += 1) {
      const { child, closed } = start();
      // some time after a batch was recorded, or where there is none left after the end
      await Promise.race([once(child.stderr, "data"), closed]);
      await delay(randomInt(300));
      child.kill("SIGKILL");
      await closed;
      const issued = issuedIn(directory);
      expect(new Set(issued).size).toBe(issued.length);
    }
    const { closed } = start();
    expect((await closed)[0]).toBe(0);
    expect(issuedIn(directory).toSorted()).toEqual(names.toSorted());
    for (const name of names) {
      expect(readdirSync(join(directory, "fleet", name)).sort()).toEqual(["1", "current"]);
      expect(readlinkSync(join(directory, "fleet", name, "current"))).toBe("1");
    }
    // many files take longer than the time for cleaning up
    rmSync(join(directory, "fleet"), { recursive: true });
  },
);

const FEW = 1000;
const MANY = soaked(20_000, 100_000);
/** What many may take beyond few, in MiB. As values, what is issued takes some 6 KiB each until it is freed. */
const MORE = 56;

test(
  "many certificates take hardly more memory than few",
  { timeout: soaked(240_000, 1_800_000) },
  async () => {
    const peakOf = async (count: number): Promise<number> => {
      const project = testProject();
      const { directory } = project;
      await project.run(["ca", "init", "--insecure-dev-key"]);
      const names = Array.from({ length: count }, (_, n) => `truck-${n}`);
      writeFileSync(join(directory, "fleet.csv"), `name\n${names.join("\n")}\n`);
      const argv = ["--import", PRELOAD, bin, ...ISSUE, "--quiet", "--report", "csv=report.csv"];
      const peak = join(directory, "peak");
      const env = { ...process.env, PEAK_MEMORY: peak };
      const child = spawn(process.execPath, argv, { cwd: directory, env, stdio: "ignore" });
      expect(await once(child, "close")).toEqual([0, null]);
      const lines = readFileSync(join(directory, "report.csv"), "utf8").split("\r\n").slice(1, -1);
      expect(lines.map((line) => line.split(",").slice(1, 3))).toEqual(names.map((name) => [name, "issued"]));
      rmSync(join(directory, "fleet"), { recursive: true });
      return Number(readFileSync(peak, "utf8")) / 2 ** 20;
    };
    const few = await peakOf(FEW);
    expect((await peakOf(MANY)) - few).toBeLessThan(MORE);
  },
);
