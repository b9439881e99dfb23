// @module-tag long
import { spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { cpSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { expect, onTestFinished, test } from "vitest";
import { testRole, testSettings } from "../support/pki.ts";
import { testProject } from "../support/project.ts";
import { soaked } from "../support/soak.ts";
import { start, type Started, until } from "./processes.ts";

const path = (name: string) => new URL(name, import.meta.url).pathname;
const READERS = 8;
/** Milliseconds between two looks of a reader: eight of them must leave the writer some of the processor. */
const PAUSE = soaked(20, 10);
const ROTATIONS = soaked(20, 10_000);
/** Of one rotating process, at least and at most: it is killed somewhere in the next one. */
const STRETCH = [soaked(4, 1), soaked(8, 400)] as const;

const LEAST_KILLS = 3;

async function projectOf(name: string) {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  expect((await project.run(["cert", "issue", name, "--role", "fleet-edge"])).code).toBe(0);
  const stateDirectory = join(project.directory, ".fleetsec");
  return { project, stateDirectory, directory: join(stateDirectory, "certs", name) };
}

async function startReaders(
  count: number,
  mode: "together" | "apart",
  directory: string,
): Promise<Started[]> {
  const readers = Array.from({ length: count }, () =>
    start(directory, [path("reader.mjs"), mode, directory, String(PAUSE)]),
  );
  onTestFinished(() => readers.forEach(({ child }) => child.kill("SIGKILL")));
  for (const reader of readers) await until(reader, () => reader.written.stdout !== "");
  return readers;
}

/** Rotates a name so many times, killing whoever does it again and again. */
async function rotateUnderFire(request: object): Promise<{ rotations: number }> {
  let [rotations, kills] = [0, 0];
  // a writer that was not stopped in time may have done all of them at once
  while (rotations < ROTATIONS || kills < LEAST_KILLS) {
    const rotating = start("/", [path("renew-forever.mjs"), JSON.stringify(request)]);
    const stretch = STRETCH[0] + Math.floor(Math.random() * (STRETCH[1] - STRETCH[0]));
    const dots = () => rotating.written.stdout.length;
    await until(rotating, () => dots() >= stretch);
    await delay(Math.random() * 20);
    rotating.child.kill("SIGKILL");
    expect(await rotating.ended).toMatchObject({ code: null, stderr: "" });
    kills += 1;
    rotations += dots();
  }
  return { rotations };
}

async function stop(readers: readonly Started[]): Promise<void> {
  for (const { child } of readers) child.stdin.end();
  for (const { ended } of readers) {
    const { code, stdout, stderr } = await ended;
    expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
    const { reads, serials } = JSON.parse(stdout) as { reads: number; serials: number };
    expect(reads).toBeGreaterThan(0);
    // each saw the certificate change under its eyes
    expect(serials).toBeGreaterThan(1);
  }
}

test(
  `${ROTATIONS} rotations with new keys, killed again and again: ${READERS} readers see no pair that does not match`,
  { timeout: 3_600_000 },
  async () => {
    const { project, stateDirectory, directory } = await projectOf("a");
    const readers = await startReaders(READERS, "together", directory);
    const request = { stateDirectory, settings: testSettings, role: testRole, name: "a", rekey: true };
    const { rotations } = await rotateUnderFire(request);
    expect(rotations).toBeGreaterThanOrEqual(ROTATIONS);
    await stop(readers);
    expect((await project.run(["cert", "rotate", "a", "--force"])).code).toBe(0);
    expect(readdirSync(directory).filter((name) => name.endsWith(".tmp"))).toEqual([]);
  },
);

test(
  "rotations that keep the key: not even a reader of two paths sees a pair that does not match",
  { timeout: 3_600_000 },
  async () => {
    const { stateDirectory, directory } = await projectOf("b");
    const readers = await startReaders(soaked(2, READERS), "apart", directory);
    const { rotations } = await rotateUnderFire({
      stateDirectory,
      settings: testSettings,
      role: testRole,
      name: "b",
      rekey: false,
    });
    expect(rotations).toBeGreaterThanOrEqual(ROTATIONS);
    await stop(readers);
  },
);

test("the readers do see a pair that does not match", async () => {
  const { directory } = await projectOf("c");
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });
  const key = privateKey.export({ type: "pkcs8", format: "pem" }) as string;
  const look = (mode: string, at: string) =>
    spawnSync(process.execPath, [path("reader.mjs"), mode, at, "0"], { encoding: "utf8", input: "" });
  for (const [mode, file] of [
    ["together", "key.pem"],
    ["together", "bundle.pem"],
    ["apart", "key.pem"],
  ] as const) {
    const torn = `${directory}-torn-${mode}-${file}`;
    cpSync(directory, torn, { recursive: true, verbatimSymlinks: true });
    expect(look(mode, torn)).toMatchObject({ status: 0, stderr: "" });
    const certificates =
      file === "bundle.pem" ? readFileSync(join(directory, "current/cert.pem"), "utf8") : "";
    writeFileSync(join(torn, "current", file), key + certificates);
    expect(look(mode, torn)).toMatchObject({ status: 1, stderr: expect.stringContaining("mismatch") });
  }
});
