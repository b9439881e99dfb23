import { once } from "node:events";
import { join } from "node:path";
import { FleetsecError } from "../../../src/errors.ts";
import { type Authority, openAuthority } from "../../../src/pki/authority.ts";
import { issue } from "../../../src/pki/issue.ts";
import type { RotationEvent } from "../../../src/pki/rotate/event.ts";
import { namesInUse } from "../../../src/pki/rotate/names.ts";
import type { RotationTarget } from "../../../src/pki/rotate/target.ts";
import { watch, type Watched } from "../../../src/pki/rotate/watch.ts";
import type { Exec } from "../../../src/platform/exec.ts";
import { systemPlatform } from "../../../src/platform/system.ts";
import { testAuthority, testRole, testSettings } from "../../support/pki.ts";
import { scratch } from "../../support/scratch.ts";

const system = systemPlatform(new AbortController().signal);

/** Of its certificates, in milliseconds. */
export const LIFETIME = 3_600_000;
/** A sleep of no other length: nothing but a hook that hangs outlasts it. */
const PATIENCE = 4_999.5;
const role = { ...testRole, ttl: LIFETIME / 1000 };

/**
 * A watch over a CA of the test's own in a world whose clocks move only when it sleeps: days pass in
 * a moment, and nothing waits for real time.
 */
export interface Watching {
  readonly authority: Authority;
  readonly events: RotationEvent[];
  /** How long it meant to sleep, each time. */
  readonly sleeps: number[];
  /** Program and arguments of each hook that was run. */
  readonly hooks: string[][];
  /** The wall clock. */
  now(): number;
  /** Moves the wall clock alone, as a suspended machine or an administrator does. */
  jump(ms: number): void;
  hangup(): void;
  issue(name: string): Promise<string>;
  /** Serials of a name in the order of issuance. */
  serials(name: string): string[];
  /** Runs until `until` says so before a sleep, then asks it to end; gives what it ended with. */
  run(until: () => boolean, options?: RunOptions): Promise<unknown>;
}

export interface RunOptions {
  readonly hook?: boolean;
  readonly confirm?: boolean;
  /** Exit code of the hook at its nth call, from 1. */
  readonly exitCode?: (call: number) => number;
  /** Hooks of this NAME hang until the watch is asked to end. */
  readonly hangs?: string;
  /** In place of the configuration that is read. */
  readonly load?: (read: () => Promise<Watched>) => Promise<Watched>;
  /** Called before each sleep. */
  readonly onSleep?: (count: number) => void | Promise<void>;
}

export async function startWatching(names: readonly string[]): Promise<Watching> {
  let [now, monotonic] = [Date.parse("2026-03-01T00:00:00Z"), 0];
  const clock = { now: () => now, monotonic: () => monotonic, sleep: async () => {} };
  const stateDirectory = join(scratch(), ".fleetsec");
  const authority = await testAuthority({ ...system, clock }, testSettings, stateDirectory);
  const issueOne = async (name: string) =>
    (await issue({ ...system, clock }, authority, testSettings, { name, role })).serial;
  for (const name of names) await issueOne(name);
  const [events, sleeps, hooks]: [RotationEvent[], number[], string[][]] = [[], [], []];
  let listener: () => void = () => {};

  return {
    authority,
    events,
    sleeps,
    hooks,
    now: () => now,
    jump: (ms) => void (now += ms),
    hangup: () => listener(),
    issue: issueOne,
    serials: (name) => {
      authority.inventory.refresh();
      return authority.inventory.byName(name).map(({ issued }) => issued.serial);
    },
    async run(until, options = {}) {
      const [ending, hanging] = [new AbortController(), new AbortController()];
      const hang = (signal: AbortSignal) =>
        new Promise<never>((_resolve, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason as Error));
        });
      const waitForHanging = async (signal: AbortSignal) => {
        if (!hanging.signal.aborted) await once(hanging.signal, "abort", { signal });
      };
      const sleep = async (ms: number, signal: AbortSignal = ending.signal) => {
        if (ms === PATIENCE) return waitForHanging(signal);
        await new Promise(setImmediate);
        sleeps.push(ms);
        await options.onSleep?.(sleeps.length);
        if (until()) ending.abort(new FleetsecError("terminated", "terminated"));
        if (signal.aborted) throw signal.reason;
        now += ms;
        monotonic += ms;
      };
      const exec: Exec = {
        ...system.exec,
        run: async (program, args) => {
          hooks.push([program, ...args]);
          if (options.hangs === args[0]) {
            hanging.abort();
            return hang(ending.signal);
          }
          const exitCode = options.exitCode?.(hooks.length) ?? 0;
          return { exitCode, stdout: "", stderr: "", timedOut: false, overflowed: false };
        },
      };
      const platform = {
        ...system,
        clock: { ...clock, sleep },
        exec,
        signal: ending.signal,
        onHangup: (listen: () => void) => {
          listener = listen;
          return () => (listener = () => {});
        },
      };
      const read = async (): Promise<Watched> => {
        const opened = openAuthority(system.files, stateDirectory, () => Promise.reject(new Error("plain")));
        const targets = (at: number) => namesInUse(system.files, opened, testSettings, at).map(targetOf);
        return { issuer: opened, settings: testSettings, role: () => role, targets };
      };
      const targetOf = (name: string): RotationTarget => ({
        name,
        rekey: false,
        hook: options.hook === true ? { command: ["reload", name], process: undefined, cwd: "/" } : undefined,
        // a port that nobody can listen on: a hook that failed is not asked for again
        confirm: options.confirm === true ? { host: "127.0.0.1", port: 1, timeout: 1 } : undefined,
      });
      const load = () => (options.load === undefined ? read() : options.load(read));
      return watch(platform, load, (event) => events.push(event), PATIENCE).catch((error: unknown) => error);
    },
  };
}
