import { cpSync, mkdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openAuthority } from "../../src/pki/authority.ts";
import { issue } from "../../src/pki/issue.ts";
import { publishMissing, refreshCrls, staleFiles } from "../../src/pki/publish.ts";
import { revoke } from "../../src/pki/revoke.ts";
import type { PkiPlatform } from "../../src/pki/state.ts";
import { MAX_CRL_FILE, readCrls } from "../../src/pki/verify/pem.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { killedAfter } from "../support/killed-files.ts";
import { movablePlatform, testAuthority, testRole, testSettings } from "../support/pki.ts";
import { scratch } from "../support/scratch.ts";

const platform = movablePlatform();
const noPassphrase = () => Promise.reject(new Error("the keys are not encrypted"));
const open = (directory: string) => openAuthority(systemFiles, directory, noPassphrase);
const request = (name: string) => ({ name, role: testRole, sans: [] });

function copyOf(stateDirectory: string): string {
  const directory = join(scratch(), ".fleetsec");
  mkdirSync(directory);
  cpSync(stateDirectory, directory, { recursive: true, verbatimSymlinks: true });
  return directory;
}

/** The serial numbers on what gateways read. */
function published(directory: string): string[] {
  const path = join(directory, "ca/crl.pem");
  return readCrls(systemFiles.read(path, MAX_CRL_FILE), path).flatMap(({ revoked }) => [...revoked.keys()]);
}

const revokeTruck = (on: PkiPlatform, directory: string) =>
  revoke(on, open(directory), testSettings, { target: "truck", reason: "keyCompromise" });

/** Each opens the CA to write, and none of them is about the certificate, but the first. */
const MENDING: Readonly<Record<string, (directory: string) => Promise<unknown>>> = {
  "the same revocation": (directory) => revokeTruck(platform, directory),
  "another revocation": (directory) =>
    revoke(platform, open(directory), testSettings, { target: "van", reason: "unspecified" }),
  "an issue": (directory) => issue(platform, open(directory), testSettings, request("tug")),
  "a rotation with nothing to do": (directory) => publishMissing(platform, open(directory), testSettings),
  "a new CRL": (directory) => refreshCrls(platform, open(directory), testSettings),
};

test.each(Object.keys(MENDING))(
  "a revocation killed before each of its writes is published by %s",
  async (mending) => {
    const original = await testAuthority(platform);
    const { serial } = await issue(platform, original, testSettings, request("truck"));
    await issue(platform, original, testSettings, request("van"));
    // the control: what is not killed publishes
    const control = copyOf(original.stateDirectory);
    await revokeTruck(platform, control);
    expect(published(control)).toEqual([serial]);
    const seen = { recorded: 0, unpublished: 0 };
    for (let kills = 0; ; kills += 1) {
      const directory = copyOf(original.stateDirectory);
      const { files, isDead } = killedAfter(kills);
      const died = await revokeTruck({ ...platform, files }, directory).catch(
        (error: Error) => error.message,
      );
      const isRecorded = open(directory).inventory.bySerial(serial)?.revoked !== undefined;
      if (!isDead()) break;
      expect(died).toBe("killed");
      const wasBehind = isRecorded && !published(directory).includes(serial);
      expect(staleFiles(systemFiles, open(directory), platform.clock.now())).toEqual({
        bundle: false,
        crl: wasBehind,
      });
      seen.recorded += Number(isRecorded);
      seen.unpublished += Number(wasBehind);
      await MENDING[mending]?.(directory);
      const isWanted = isRecorded || mending === "the same revocation";
      expect(published(directory).includes(serial)).toBe(isWanted);
      expect(staleFiles(systemFiles, open(directory), platform.clock.now())).toEqual({
        bundle: false,
        crl: false,
      });
    }
    // after the record, and after the issuing CA's CRL
    expect(seen).toEqual({ recorded: 2, unpublished: 2 });
  },
);
