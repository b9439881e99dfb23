import * as fs from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import { FleetsecError } from "../errors.ts";
import { nodeCrypto } from "./builtins.ts";
import { attempt } from "./file-error.ts";
import { makeDirectories } from "./atomic-write.ts";
import type { Clock } from "./platform.ts";

export interface LockOptions {
  /** Milliseconds to wait for others; 30,000 unless told. */
  readonly timeout?: number;
}

export interface Locks {
  /**
   * Runs `work` while no other holder of this lock runs, in this or any other process. Not
   * reentrant. A lock whose process was killed is taken over.
   * @param directory where the lock is kept; made where it is missing
   * @throws FleetsecError `busy` when others hold it for too long, and whatever `work` throws
   */
  hold<T>(directory: string, work: () => Promise<T>, options?: LockOptions): Promise<T>;
}

/**
 * Locks as files. Each contender creates a file of a name that is never used again, then looks
 * around: it holds the lock where its file is the only one of a living process, and otherwise
 * withdraws. Of two that come at once at least one sees the other, so they never both hold it; and
 * since names are not reused, removing a dead process's file can never remove a living one's, which
 * taking over one shared lock file cannot promise.
 */
export function systemLocks(clock: Clock): Locks {
  return {
    async hold(directory, work, options = {}) {
      const own = await acquire(directory, clock, options.timeout ?? 30_000);
      try {
        return await work();
      } finally {
        fs.rmSync(own, { force: true });
      }
    },
  };
}

const MAX_PAUSE = 50;

async function acquire(directory: string, clock: Clock, timeout: number): Promise<string> {
  attempt(directory, () => makeDirectories(directory, 0o700));
  const deadline = clock.monotonic() + timeout;
  for (let pause = 1; ; pause = Math.min(pause * 2, MAX_PAUSE)) {
    const holder = livingContender(directory);
    if (holder === undefined) {
      const name = ownName();
      const path = join(directory, name);
      attempt(path, () => fs.closeSync(fs.openSync(path, "wx", 0o600)));
      if (livingContender(directory, name) === undefined) return path;
      fs.rmSync(path, { force: true });
    } else if (clock.monotonic() > deadline) {
      throw new FleetsecError("busy", `process ${holder.pid} holds ${directory}`, {
        hint: `wait for it to end; if it ran on a machine that is gone, remove its file there: ${holder.name}`,
      });
    }
    // jitter, so that contenders that met once do not meet again
    await clock.sleep(pause * (0.5 + Math.random()));
  }
}

interface Contender {
  /** Of its file. */
  readonly name: string;
  readonly machine: string;
  readonly boot: string;
  readonly namespace: string;
  readonly pid: number;
  readonly start: number;
}

const NAME = /^([0-9a-f]{8})-([0-9a-f]{8})-([0-9a-f]{8})-(\d{1,10})-(\d{1,15})-[0-9a-f]{16}$/;

function ownName(): string {
  const { machine, boot, namespace } = here();
  const start = startOf(process.pid) ?? 0;
  return [machine, boot, namespace, process.pid, start, nodeCrypto().randomBytes(8).toString("hex")].join(
    "-",
  );
}

/** Some contender other than `own` that lives, as far as can be told. Files of dead ones are removed. */
function livingContender(directory: string, own?: string): Contender | undefined {
  for (const name of attempt(directory, () => fs.readdirSync(directory))) {
    const match = NAME.exec(name);
    if (match === null || name === own) continue;
    const [machine = "", boot = "", namespace = "", pid = "", start = ""] = match.slice(1);
    const contender = { name, machine, boot, namespace, pid: Number(pid), start: Number(start) };
    if (mayLive(contender)) return contender;
    fs.rmSync(join(directory, name), { force: true });
  }
  return undefined;
}

/** Another machine's or container's processes cannot be seen from here: they count as living. */
function mayLive({ machine, boot, namespace, pid, start }: Contender): boolean {
  if (machine !== here().machine) return true;
  if (boot !== here().boot) return false;
  if (namespace !== here().namespace) return true;
  try {
    process.kill(pid, 0);
  } catch (error) {
    // of another user's (EPERM) the start time can be read all the same
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
  }
  // a process id is used again, a start time with it is not
  const now = startOf(pid);
  return start === 0 || now === undefined || now === start;
}

/** When a process started, in ticks since boot; undefined where there is no procfs, 0 for a zombie. */
function startOf(pid: number): number | undefined {
  let stat: string;
  try {
    stat = fs.readFileSync(`/proc/${pid}/stat`, "latin1");
  } catch {
    return undefined;
  }
  // the second field is the program's name in parentheses, and may hold anything
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return fields[0] === "Z" ? 0 : Number(fields[19]);
}

/** The part of a contender's name that says where it runs; read once, at the first lock. */
function here(): Pick<Contender, "machine" | "boot" | "namespace"> {
  place ??= {
    machine: digest(readOr("/etc/machine-id", "") || hostname()),
    boot: digest(readOr("/proc/sys/kernel/random/boot_id", "")),
    namespace: digest(linkOr("/proc/self/ns/pid", "")),
  };
  return place;
}

let place: ReturnType<typeof here> | undefined;

function digest(text: string): string {
  return nodeCrypto().createHash("sha256").update(text).digest("hex").slice(0, 8);
}

function readOr(path: string, otherwise: string): string {
  try {
    return fs.readFileSync(path, "utf8");
  } catch {
    return otherwise;
  }
}

function linkOr(path: string, otherwise: string): string {
  try {
    return fs.readlinkSync(path);
  } catch {
    return otherwise;
  }
}
