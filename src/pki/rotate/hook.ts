import { FleetsecError } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { credentialVariables, type Issuer } from "../issuers/issuer.ts";
import type { CurrentCertificate } from "../renew.ts";
import type { Hook } from "./target.ts";

type Outside = Pick<Platform, "exec" | "files" | "signal">;

/** Milliseconds that a program may take. */
const TIMEOUT = 60_000;
/** Milliseconds that it may go on for when fleetsec is to end: a service that is being reloaded is let be. */
const LINGER = 5000;
/** Bytes of its output that are kept, and characters of it that are told. */
const MAX_OUTPUT = 64 << 10;
const MAX_TOLD = 500;

/** Why a hook failed, and the end of what it said, unescaped: that may hold secrets, and is no audit event's. */
export interface HookFailure {
  readonly reason: string;
  readonly said: string;
}

/** Both in one text, for the person who ran it. */
export function inFull({ reason, said }: HookFailure): string {
  return said === "" ? reason : `${reason}: ${said}`;
}

/**
 * Tells a service that its certificate has changed.
 * @returns why that failed, or undefined where it did not
 * @throws the reason of `outside.signal` where that ended it
 */
export async function runHook(
  outside: Outside,
  hook: Hook,
  { name, serial, files }: CurrentCertificate,
  issuer: Pick<Issuer, "kind">,
): Promise<HookFailure | undefined> {
  const env = { CERT_NAME: name, CERT_SERIAL: serial, CERT_FILE: files.cert, CERT_BUNDLE: files.bundle };
  try {
    return (
      (hook.command && (await runProgram(outside, hook.command, hook.cwd, env, issuer))) ??
      (hook.process && signalProcess(outside, hook.process))
    );
  } catch (error) {
    outside.signal.throwIfAborted();
    if (error instanceof FleetsecError) return { reason: error.message, said: "" };
    throw error;
  }
}

/**
 * Runs a program without what the issuer is logged in to with: it may do what the hook is for, and
 * need not be able to issue.
 * @returns why it failed, or undefined where it did not
 * @throws FleetsecError `engine` where it cannot be run; the reason of `signal` where that ended it
 */
export async function runProgram(
  { exec, signal }: Pick<Outside, "exec" | "signal">,
  [program, ...args]: readonly [string, ...string[]],
  cwd: string,
  added: Readonly<Record<string, string>>,
  { kind }: Pick<Issuer, "kind">,
): Promise<HookFailure | undefined> {
  const withheld = Object.fromEntries(credentialVariables[kind].map((variable) => [variable, undefined]));
  const env = { ...withheld, ...added };
  const result = await exec.run(program, args, {
    cwd,
    env,
    timeout: TIMEOUT,
    maxOutput: MAX_OUTPUT,
    signal,
    linger: LINGER,
  });
  if (result.exitCode === 0) return undefined;
  const how = result.timedOut ? `did not end within ${TIMEOUT / 1000} s` : endOf(result.exitCode);
  return { reason: `${program} ${how}`, said: `${result.stdout}${result.stderr}`.trim().slice(-MAX_TOLD) };
}

function endOf(exitCode: number | null): string {
  return exitCode === null ? "was killed" : `ended with ${exitCode}`;
}

/** The file is read each time: a service that was restarted has another process id. */
function signalProcess(
  { exec, files }: Outside,
  { pidFile, signal }: NonNullable<Hook["process"]>,
): HookFailure | undefined {
  const text = files.readText(pidFile, 64).trim();
  // 0 and 1 are every process of the group, and init
  const pid = /^[1-9]\d{0,9}$/.test(text) ? Number(text) : 0;
  if (pid <= 1) return { reason: `${pidFile} does not hold a process id`, said: "" };
  if (exec.signal(pid, signal)) return undefined;
  return { reason: `there is no process ${pid}, which ${pidFile} names`, said: "" };
}
