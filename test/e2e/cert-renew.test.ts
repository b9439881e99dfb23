// @module-tag long
import { type ChildProcess, spawn } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { readdirSync, readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { describe, expect, test } from "vitest";
import { openInventory } from "../../src/pki/inventory.ts";
import { readPrivateKey } from "../../src/pki/key-file.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { testRole, testSettings } from "../support/pki.ts";
import { testProject } from "../support/project.ts";
import { soaked } from "../support/soak.ts";

const path = (name: string) => new URL(name, import.meta.url).pathname;
const NAMES = ["a", "b", "c", "d"];
/** Of each of the four. */
const KILLS = soaked(8, 50);

/** A process of its own; what it writes on stderr is kept. */
function start(cwd: string, args: readonly string[]) {
  const child = spawn(process.execPath, args, { cwd, stdio: ["ignore", "pipe", "pipe"] });
  let stderr = "";
  child.stdout.resume();
  child.stderr.on("data", (chunk: Buffer) => (stderr += chunk.toString()));
  return { child, ended: once(child, "close").then(([code]) => ({ code: code as number | null, stderr })) };
}

function kill(child: ChildProcess) {
  child.kill("SIGKILL");
}

/** What a reader sees that resolves `current` once. */
function readPair(directory: string) {
  const generation = realpathSync(join(directory, "current"));
  const read = (name: string) => readFileSync(join(generation, name), "utf8");
  const certificate = new X509Certificate(read("cert.pem"));
  const bundle = read("bundle.pem");
  const bundleKey = readPrivateKey(bundle.slice(0, bundle.indexOf("-----BEGIN CERT")), "bundle");
  const matches =
    certificate.checkPrivateKey(readPrivateKey(read("key.pem"), "key")) &&
    certificate.checkPrivateKey(bundleKey) &&
    new X509Certificate(bundle).fingerprint256 === certificate.fingerprint256;
  return { serial: certificate.serialNumber, matches };
}

async function projectOf(names: readonly string[]) {
  const project = testProject();
  await project.run(["ca", "init", "--insecure-dev-key"]);
  for (const name of names) await project.run(["cert", "issue", name, "--role", "fleet-edge"]);
  const state = join(project.directory, ".fleetsec");
  const check = (name: string) => {
    const { serial, matches } = readPair(join(state, "certs", name));
    const inventory = openInventory(systemFiles, join(state, "inventory.jsonl"));
    expect({ matches, issuedTo: inventory.bySerial(serial)?.issued.name }).toEqual({
      matches: true,
      issuedTo: name,
    });
    return serial;
  };
  return { project, state, check };
}

describe("cert renew", () => {
  test(
    `killed ${NAMES.length * KILLS} times leaves neither a mismatched pair nor an unknown certificate`,
    { timeout: 300_000 },
    async () => {
      const { project, state, check } = await projectOf(NAMES);
      const request = { stateDirectory: state, settings: testSettings, role: testRole, rekey: true };
      // four at once share the lock and the inventory
      const torture = async (name: string) => {
        const serials = new Set<string>();
        for (let i = 0; i < KILLS; i += 1) {
          const renewing = start(project.directory, [
            path("renew-forever.mjs"),
            JSON.stringify({ ...request, name }),
          ]);
          // one renewal is done: what is killed is a later one, anywhere in it
          await once(renewing.child.stdout, "data");
          await delay(Math.random() * 60);
          kill(renewing.child);
          expect(await renewing.ended).toEqual({ code: null, stderr: "" });
          serials.add(check(name));
        }
        return serials.size;
      };
      expect(await Promise.all(NAMES.map(torture))).toEqual(NAMES.map(() => KILLS));

      const { document } = await project.json(["cert", "list"]);
      const serials = (document.certificates as { serial: string }[]).map(({ serial }) => serial);
      expect(new Set(serials).size).toBe(serials.length);
      for (const name of NAMES) {
        expect((await project.run(["cert", "renew", name, "--force"])).code).toBe(0);
        expect(readdirSync(join(state, "certs", name)).filter((entry) => entry.endsWith(".tmp"))).toEqual([]);
      }
      expect(readdirSync(join(state, "lock"))).toEqual([]);
    },
  );

  test(
    "of the built program, killed at any moment from its start to its end",
    { timeout: 180_000 },
    async () => {
      const { project, check } = await projectOf(["a"]);
      const renew = [path("../../bin/fleetsec.js"), "cert", "renew", "a", "--force", "--rekey"];
      const begin = performance.now();
      expect((await start(project.directory, renew).ended).code).toBe(0);
      const duration = performance.now() - begin;
      for (let i = 0; i < 12; i += 1) {
        const renewing = start(project.directory, renew);
        await delay((duration * (i + Math.random())) / 12);
        kill(renewing.child);
        expect((await renewing.ended).stderr).toBe("");
        check("a");
      }
    },
  );
});

test("eight processes at once lose no record and repeat no serial", { timeout: 180_000 }, async () => {
  const { project, state } = await projectOf(NAMES);
  const repeat = (times: number, ...argv: string[]) =>
    start(project.directory, [path("repeat.mjs"), String(times), ...argv]);
  const processes = [
    ...NAMES.map((name) => repeat(5, "cert", "issue", `${name}-new`, "--role", "fleet-edge")),
    ...["a", "b", "c"].map((name) => repeat(5, "cert", "renew", name, "--force")),
    repeat(5, "cert", "revoke", "d"),
  ];
  for (const { ended } of processes) expect(await ended).toEqual({ code: 0, stderr: "" });

  const { document } = await project.json(["cert", "list"]);
  const certificates = document.certificates as { serial: string; name: string; status: string }[];
  expect(certificates).toHaveLength(4 + 4 * 5 + 3 * 5);
  expect(new Set(certificates.map(({ serial }) => serial)).size).toBe(certificates.length);
  expect(certificates.filter(({ status }) => status === "revoked").map(({ name }) => name)).toEqual(["d"]);
  expect((await project.json(["ca", "show"])).document.crl).toMatchObject({ revoked: 1, stale: false });
  expect(readdirSync(join(state, "lock"))).toEqual([]);
});
