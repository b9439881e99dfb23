import { join } from "node:path";
import { type Authority, openAuthority } from "../../../src/pki/authority.ts";
import { beginRotation, rotateIntermediate } from "../../../src/pki/ca-rotation/begin.ts";
import { rotationStatus, type RotationStatus } from "../../../src/pki/ca-rotation/status.ts";
import { abortRotation, finishRotation, switchIssuer } from "../../../src/pki/ca-rotation/steps.ts";
import { issue } from "../../../src/pki/issue.ts";
import type { PkiPlatform } from "../../../src/pki/state.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { movablePlatform, testAuthority, testPermitted, testRole, testSettings } from "../../support/pki.ts";
import { scratch } from "../../support/scratch.ts";

/** How long relying parties may take, in seconds. */
export const OVERLAP = 3600;

/** A CA of the test's own, with each step of its rotation. Every call opens it anew, as a process would. */
export interface RotatingCa {
  readonly platform: ReturnType<typeof movablePlatform>;
  readonly stateDirectory: string;
  readonly steps: Readonly<Record<StepName, (platform?: PkiPlatform) => Promise<void>>>;
  open(): Authority;
  status(): RotationStatus;
  issue(name: string, ttl?: number): ReturnType<typeof issue>;
  /** Moves the clock by seconds. */
  pass(seconds: number): void;
}

export type StepName = "begin" | "switch" | "finish" | "abort" | "intermediate";

export async function rotatingCa(stateDirectory = join(scratch(), ".fleetsec")): Promise<RotatingCa> {
  const platform = movablePlatform(Date.parse("2026-03-01T00:00:00Z"));
  await testAuthority(platform, testSettings, stateDirectory);
  return existingCa(stateDirectory, platform);
}

export function existingCa(stateDirectory: string, platform: ReturnType<typeof movablePlatform>): RotatingCa {
  const open = () => openAuthority(systemFiles, stateDirectory, () => Promise.reject(new Error("plain")));
  const request = { settings: testSettings, permitted: testPermitted, passphrase: undefined };
  const passphrase = () => Promise.reject(new Error("plain"));
  return {
    platform,
    stateDirectory,
    steps: {
      begin: async (world = platform) => void (await beginRotation(world, open, request)),
      switch: (world = platform) => switchIssuer(world, open, { overlap: OVERLAP, isLoaded: false }),
      finish: async (world = platform) => void (await finishRotation(world, open)),
      abort: async (world = platform) => void (await abortRotation(world, open)),
      intermediate: (world = platform) =>
        rotateIntermediate(world, open, { settings: testSettings, permitted: testPermitted, passphrase }),
    },
    open,
    status: () => rotationStatus(systemFiles, open()),
    issue: (name, ttl) => issue(platform, open(), testSettings, { name, role: testRole, ttl }),
    pass: (seconds) => platform.moveTo(platform.clock.now() + seconds * 1000),
  };
}
