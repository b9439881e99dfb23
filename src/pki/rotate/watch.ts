import { FleetsecError } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { caChanged } from "../authority.ts";
import { activeGeneration } from "../generations.ts";
import { currentCertificate, dueAt } from "../renew.ts";
import { directoryOf } from "../issue.ts";
import type { PkiPlatform } from "../state.ts";
import { type EventSink, newRequestId, rotationEvent, type Step } from "./event.ts";
import { isOutstanding, readIntent } from "./intent.ts";
import { rotate } from "./rotate.ts";
import type { Rotating } from "./rotation.ts";
import { failed, type Instant, isDue, pause, POLL, succeeded, type Task } from "./schedule.ts";
import type { RotationTarget } from "./target.ts";
import { together } from "./together.ts";

type WatchPlatform = PkiPlatform & Pick<Platform, "exec" | "network" | "signal" | "onHangup">;

/** A configuration as it was read, with the CA opened and unlocked. */
export interface Watched extends Pick<Rotating, "issuer" | "settings" | "role"> {
  /** What is to be kept fresh now; certificates come and go. */
  readonly targets: (now: number) => readonly RotationTarget[];
}

/**
 * Keeps certificates fresh until `platform.signal` is aborted, and reads the configuration anew at
 * each SIGHUP. A configuration that cannot be read is reported, and the one before stays in force.
 * @param load reads the configuration and opens the CA
 * @throws the reason of `platform.signal`, and what the first `load` throws, or `state` where the inventory
 *   is damaged then
 */
export async function watch(
  platform: WatchPlatform,
  load: () => Promise<Watched>,
  emit: EventSink,
): Promise<never> {
  const { clock, signal } = platform;
  const tell = (step: Step) => emit(rotationEvent(clock.now(), newRequestId(platform.random), step));
  const hangup = hangups(platform);
  try {
    let watched = await load();
    watched.issuer.inventory.refresh();
    const whole = inventories(load, tell);
    let seen: ReadonlyMap<string, Seen> = new Map();
    tell({ severity: "info", action: "rotation-started", certificates: watched.targets(clock.now()).length });
    for (;;) {
      signal.throwIfAborted();
      const isAsked = hangup.taken();
      if (isAsked || isRotated(platform, watched)) {
        watched = await reload(load, watched, isAsked, tell);
      }
      const found = await whole(watched);
      signal.throwIfAborted();
      if (found === undefined) {
        await hangup.orAfter(POLL);
        continue;
      }
      watched = found;
      seen = await round({ ...watched, platform, emit }, watched.targets(clock.now()), seen);
      const tasks = [...seen.values()].map(({ task }) => task);
      await hangup.orAfter(pause(tasks, instantOf(platform)));
    }
  } catch (error) {
    if (signal.aborted) tell({ severity: "info", action: "rotation-stopped" });
    throw error;
  } finally {
    hangup.ignore();
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

/** Looks at every certificate, and rotates those that are due. */
async function round(
  rotating: Rotating,
  targets: readonly RotationTarget[],
  before: ReadonlyMap<string, Seen>,
): Promise<ReadonlyMap<string, Seen>> {
  const { platform } = rotating;
  const seen = new Map(targets.map(({ name }) => [name, observe(rotating, name, before.get(name))]));
  const due = targets.filter(({ name }) => {
    const task = seen.get(name)?.task;
    return task !== undefined && isDue(task, instantOf(platform));
  });
  await together(due, async (target) => {
    const { outcome } = await rotate(rotating, target, false);
    const { task } = observe(rotating, target.name, seen.get(target.name));
    const at = instantOf(platform);
    const isDone = outcome === "renewed" || outcome === "not-due";
    const next = isDone ? succeeded(task, at) : failed(task, at, fraction(platform));
    // looked at anew in the next round: others may have changed it meanwhile
    seen.set(target.name, { task: next, mark: "" });
    platform.signal.throwIfAborted();
  });
  return seen;
}

/** What is to be done for a certificate, and when. What was found out before holds as long as nothing changed. */
function observe(rotating: Rotating, name: string, before: Seen | undefined): Seen {
  const { platform, issuer } = rotating;
  const mark = markOf(rotating, name);
  if (before !== undefined && mark !== undefined && before.mark === mark) return before;
  const known = before?.task ?? { name, due: 0, end: platform.clock.now(), failures: 0, holdOff: 0 };
  try {
    const certificate = currentCertificate(platform.files, issuer, name);
    const intent = readIntent(platform.files, issuer.layout, name);
    const due = isOutstanding(intent, certificate) ? 0 : dueAt(certificate);
    return { task: { ...known, due, end: certificate.notAfter }, mark: mark ?? "" };
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

/** SIGHUPs, each of which ends a sleep. */
function hangups({ clock, signal, onHangup }: Pick<Platform, "clock" | "signal" | "onHangup">) {
  let next = new AbortController();
  const ignore = onHangup(() => next.abort());
  return {
    ignore,
    /** Whether there was one since the last time. */
    taken(): boolean {
      const { aborted } = next.signal;
      if (aborted) next = new AbortController();
      return aborted;
    },
    /** Sleeps until there is one. */
    async orAfter(ms: number): Promise<void> {
      const { signal: came } = next;
      if (came.aborted) return;
      try {
        await clock.sleep(ms, AbortSignal.any([signal, came]));
      } catch (error) {
        if (!came.aborted || signal.aborted) throw error;
      }
    },
  };
}
