import { FleetsecError } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { caChanged } from "../authority.ts";
import { activeGeneration } from "../generations.ts";
import { currentCertificate, dueAt } from "../renew.ts";
import { directoryOf } from "../issue.ts";
import type { PkiPlatform } from "../state.ts";
import { type Attempts, newAttempts } from "./attempts.ts";
import { type EventSink, newRequestId, rotationEvent, type Step } from "./event.ts";
import { isOutstanding, readIntent } from "./intent.ts";
import { rotate } from "./rotate.ts";
import { isSettled, type Rotating } from "./rotation.ts";
import { failed, type Instant, isDue, pause, POLL, succeeded, type Task } from "./schedule.ts";
import type { RotationTarget } from "./target.ts";
import { together } from "./together.ts";

type WatchPlatform = PkiPlatform & Pick<Platform, "exec" | "network" | "signal" | "onHangup">;

/** How long a round waits for one attempt, in milliseconds. A reload takes less, a hook that hangs a minute. */
const PATIENCE = 5_000;

/** A configuration as it was read, with the CA opened and unlocked. */
export interface Watched extends Pick<Rotating, "issuer" | "settings" | "role"> {
  /** What is to be kept fresh now; certificates come and go. */
  readonly targets: (now: number) => readonly RotationTarget[];
}

/**
 * Keeps certificates fresh until `platform.signal` is aborted, and reads the configuration anew at
 * each SIGHUP. A configuration that cannot be read is reported, and the one before stays in force.
 * What takes longer than `patience`, a hook that hangs for instance, goes on beside what others need.
 * @param load reads the configuration and opens the CA
 * @throws the reason of `platform.signal`, and what the first `load` throws, or `state` where the inventory
 *   is damaged then
 */
export async function watch(
  platform: WatchPlatform,
  load: () => Promise<Watched>,
  emit: EventSink,
  patience = PATIENCE,
): Promise<never> {
  const { clock, signal } = platform;
  const tell = (step: Step) => emit(rotationEvent(clock.now(), newRequestId(platform.random), step));
  const sleep = sleeper(platform);
  const attempts = newAttempts(clock, patience, sleep.end);
  try {
    let watched = await load();
    watched.issuer.inventory.refresh();
    const whole = inventories(load, tell);
    const seen = new Map<string, Seen>();
    tell({ severity: "info", action: "rotation-started", certificates: watched.targets(clock.now()).length });
    for (;;) {
      signal.throwIfAborted();
      const isAsked = sleep.hangupTaken();
      if (isAsked || isRotated(platform, watched)) {
        watched = await reload(load, watched, isAsked, tell);
      }
      const found = await whole(watched);
      signal.throwIfAborted();
      if (found === undefined) {
        await sleep.upTo(POLL);
        continue;
      }
      watched = found;
      await round({ ...watched, platform, emit }, watched.targets(clock.now()), seen, attempts);
      const tasks = [...seen.values()].map(({ task }) => task).filter(({ name }) => !attempts.has(name));
      await sleep.upTo(pause(tasks, instantOf(platform)));
    }
  } catch (error) {
    await attempts.ended().catch(() => {
      // what ended the watch came first
    });
    if (signal.aborted) tell({ severity: "info", action: "rotation-stopped" });
    throw error;
  } finally {
    sleep.ignoreHangups();
  }
}

/** How often in a row the same fault is an event: at first, and then ever more rarely, down to hourly. */
const isTold = (times: number) => (times & (times - 1)) === 0 || times % (3_600_000 / POLL) === 0;

/**
 * Looks, before each round, whether the inventory is whole. One that is damaged ends nothing, and nothing
 * is renewed by it: a person may put it back, which makes it another than was read, to be opened anew.
 * @returns what is to be gone on with, or undefined until then
 */
function inventories(load: () => Promise<Watched>, tell: (step: Step) => void) {
  let faults = 0;
  return async (watched: Watched): Promise<Watched | undefined> => {
    try {
      watched.issuer.inventory.refresh();
      faults = 0;
      return watched;
    } catch (error) {
      if (!(error instanceof FleetsecError)) throw error;
    }
    try {
      const opened = await load();
      opened.issuer.inventory.refresh();
      faults = 0;
      tell({ severity: "info", action: "configuration-reloaded", reason: "the inventory was put back" });
      return opened;
    } catch (error) {
      if (!(error instanceof FleetsecError)) throw error;
      faults += 1;
      if (isTold(faults)) tell({ severity: "error", action: "rotation-failed", reason: error.message });
      return undefined;
    }
  };
}

/** A task, and what on disk it was made from. */
interface Seen {
  readonly task: Task;
  readonly mark: string;
}

/** Looks at every certificate that nothing is done for, and rotates those that are due. */
async function round(
  rotating: Rotating,
  targets: readonly RotationTarget[],
  seen: Map<string, Seen>,
  attempts: Attempts,
): Promise<void> {
  const { platform } = rotating;
  const idle = targets.filter(({ name }) => !attempts.has(name));
  const names = new Set(targets.map(({ name }) => name));
  for (const name of seen.keys()) if (!names.has(name)) seen.delete(name);
  for (const { name } of idle) seen.set(name, observe(rotating, name, seen.get(name)));
  const due = idle.filter(({ name }) => {
    const task = seen.get(name)?.task;
    return task !== undefined && isDue(task, instantOf(platform));
  });
  await together(due, (target) =>
    attempts.begin(target.name, async () => {
      const rotation = await rotate(rotating, target, false);
      const { task } = observe(rotating, target.name, seen.get(target.name));
      const at = instantOf(platform);
      const next = isSettled(rotation) ? succeeded(task, at) : failed(task, at, fraction(platform));
      // looked at anew in the next round: others may have changed it meanwhile
      seen.set(target.name, { task: next, mark: "" });
      platform.signal.throwIfAborted();
    }),
  );
}

/** What is to be done for a certificate, and when. What was found out before holds as long as nothing changed. */
function observe(rotating: Rotating, name: string, before: Seen | undefined): Seen {
  const { platform, issuer } = rotating;
  const mark = markOf(rotating, name);
  if (before !== undefined && mark !== undefined && before.mark === mark) return before;
  const known = before?.task ?? {
    name,
    due: 0,
    begin: 0,
    end: platform.clock.now(),
    failures: 0,
    holdOff: 0,
  };
  try {
    const certificate = currentCertificate(platform.files, issuer, name);
    const intent = readIntent(platform.files, issuer.layout, name);
    const due = isOutstanding(intent, certificate) ? 0 : dueAt(certificate);
    return {
      task: { ...known, due, begin: certificate.notBefore, end: certificate.notAfter },
      mark: mark ?? "",
    };
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    // the attempt says what is wrong
    return { task: { ...known, due: 0 }, mark: "" };
  }
}

/** What changes with every certificate that is issued under a name, or rolled back. */
function markOf({ platform, issuer }: Rotating, name: string): string | undefined {
  const newest = issuer.inventory.newest(name, ({ issued }) => issued.files !== undefined);
  if (newest === undefined) return undefined;
  const generation = activeGeneration(platform.files, directoryOf(issuer, newest.issued));
  return `${newest.issued.serial} ${generation} ${newest.revoked === undefined}`;
}

function instantOf({ clock }: Pick<Platform, "clock">): Instant {
  return { now: clock.now(), monotonic: clock.monotonic() };
}

/** From 0 up to 1. */
function fraction({ random }: Pick<Platform, "random">): number {
  return Buffer.from(random(4)).readUInt32BE() / 2 ** 32;
}

function isRotated({ files }: WatchPlatform, { issuer }: Watched): boolean {
  return issuer.kind === "local" && caChanged(files, issuer);
}

async function reload(
  load: () => Promise<Watched>,
  before: Watched,
  isAsked: boolean,
  tell: (step: Step) => void,
): Promise<Watched> {
  try {
    const watched = await load();
    const reason = isAsked ? "SIGHUP" : "the CA was rotated";
    tell({ severity: "info", action: "configuration-reloaded", reason });
    return watched;
  } catch (error) {
    if (!(error instanceof FleetsecError)) throw error;
    const reason = [error.message, ...error.problems].join("; ");
    tell({ severity: "error", action: "configuration-refused", reason });
    return before;
  }
}

/** Sleeps, which a SIGHUP ends, and whoever calls `end`. */
function sleeper({ clock, signal, onHangup }: Pick<Platform, "clock" | "signal" | "onHangup">) {
  let next = new AbortController();
  let isHungUp = false;
  const ignoreHangups = onHangup(() => {
    isHungUp = true;
    next.abort();
  });
  return {
    ignoreHangups,
    end: () => next.abort(),
    /** Whether there was a SIGHUP since the last time. */
    hangupTaken(): boolean {
      const was = isHungUp;
      isHungUp = false;
      return was;
    },
    /** Sleeps until it is ended, or already was since the sleep before. */
    async upTo(ms: number): Promise<void> {
      const { signal: ended } = next;
      try {
        if (!ended.aborted) await clock.sleep(ms, AbortSignal.any([signal, ended]));
      } catch (error) {
        if (!ended.aborted || signal.aborted) throw error;
      }
      if (ended.aborted) next = new AbortController();
    },
  };
}
