import { dirname } from "node:path";
import { readCertificateFile } from "../authority.ts";
import { activeGeneration } from "../generations.ts";
import { currentCertificate, type CurrentCertificate } from "../renew.ts";
import { confirmServed } from "./confirm.ts";
import type { Step } from "./event.ts";
import { type HookFailure, inFull, runHook } from "./hook.ts";
import { type Intent, removeIntent, writeIntent } from "./intent.ts";
import { rollBack } from "./roll-back.ts";
import type { Attempting, Rotation } from "./rotation.ts";
import type { RotationTarget } from "./target.ts";

/** Whether there is a way to tell the service, or to see what it serves. */
export function isTold({ hook, confirm: where }: RotationTarget): boolean {
  return hook !== undefined || where !== undefined;
}

/** A run with a hook may have ended before the service had heard of it: one without cannot make up for that. */
function untoldOf(intent: Intent, inUse: CurrentCertificate): string {
  const what =
    intent.serial === inUse.serial ? "that the certificate before is in use again" : "of a new certificate";
  return (
    `an earlier run was to tell its service ${what} and did not, and this one has no hook: ` +
    "name one with --exec or --pid-file, or where it is served with --confirm"
  );
}

/**
 * Tells the service of a certificate that is in use, and sees to it that it is served.
 * @param intent undefined where there is no service to be told
 */
export async function serve(
  parts: Attempting,
  target: RotationTarget,
  certificate: CurrentCertificate,
  intent: Intent | undefined,
): Promise<Rotation> {
  const { platform, issuer } = parts;
  const { name } = target;
  if (intent === undefined) return { outcome: "renewed", name, certificate };
  const failure = isTold(target)
    ? ((await tellService(parts, target, certificate)) ?? (await confirm(parts, target, certificate)))
    : { reason: untoldOf(intent, certificate), said: "" };
  if (failure === undefined) {
    removeIntent(platform.files, issuer.layout, name);
    return { outcome: "renewed", name, certificate };
  }
  const reason = inFull(failure);
  const back = target.confirm && (await goBack(parts, target, certificate, intent));
  if (back !== undefined) {
    const { restored, untold } = back;
    const also = untold === undefined ? "" : `; of the one before it was not told: ${inFull(untold)}`;
    const rejected = certificate.serial;
    return { outcome: "rolled-back", name, certificate: restored, rejected, reason: `${reason}${also}` };
  }
  const { reason: event } = failure;
  parts.tell({ severity: "error", action: "rotation-incomplete", ...about(certificate), reason: event });
  return { outcome: "incomplete", name, certificate, reason };
}

async function tellService(
  { platform, issuer, tell }: Attempting,
  { hook }: RotationTarget,
  certificate: CurrentCertificate,
): Promise<HookFailure | undefined> {
  if (hook === undefined) return undefined;
  const failure = await runHook(platform, hook, certificate, issuer);
  const program = hook.command?.[0];
  tell({
    severity: failure === undefined ? "info" : "error",
    action: failure === undefined ? "hook-done" : "hook-failed",
    ...about(certificate),
    ...(program === undefined ? {} : { program }),
    ...(failure === undefined ? {} : { reason: failure.reason }),
  });
  return failure;
}

async function confirm(
  { platform, tell }: Attempting,
  { confirm: where }: RotationTarget,
  certificate: CurrentCertificate,
): Promise<HookFailure | undefined> {
  if (where === undefined) return undefined;
  const { der } = readCertificateFile(platform.files, certificate.files.cert);
  const reason = await confirmServed(where, der, platform);
  tell({
    severity: reason === undefined ? "info" : "error",
    action: reason === undefined ? "serial-confirmed" : "serial-not-confirmed",
    ...about(certificate),
    endpoint: `${where.host}:${where.port}`,
    ...(reason === undefined ? {} : { reason }),
  });
  return reason === undefined ? undefined : { reason, said: "" };
}

/**
 * Puts the certificate before into use again and tells the service, which is left to the next run where it
 * is not reached.
 * @returns that certificate and why the service is not told, or undefined where there is nothing to go back to
 */
async function goBack(
  parts: Attempting,
  target: RotationTarget,
  certificate: CurrentCertificate,
  intent: Intent,
): Promise<{ readonly restored: CurrentCertificate; readonly untold: HookFailure | undefined } | undefined> {
  const { platform, issuer } = parts;
  const { files, clock } = platform;
  // it was rolled back before, and of that the service is being told
  if (intent.serial === certificate.serial) return undefined;
  const former = issuer.inventory.bySerial(intent.serial);
  // a service that is restarted with one that has ended or was revoked would serve nobody
  if (former === undefined || former.revoked !== undefined) return undefined;
  if (Date.parse(former.issued.notAfter) <= clock.now()) return undefined;
  const rejected = generationOf(parts, certificate);
  const directory = directoryOf(certificate);
  writeIntent(files, issuer.layout, target.name, { ...intent, rejected: certificate.serial });
  if (!(await rollBack(platform, issuer, directory, rejected, intent.generation))) return undefined;
  const restored = currentCertificate(files, issuer, target.name);
  parts.tell({
    severity: "warning",
    action: "certificate-rolled-back",
    ...about(restored),
    previous_serial: certificate.serial,
  });
  const untold = await tellService(parts, target, restored);
  if (untold === undefined) removeIntent(files, issuer.layout, target.name);
  return { restored, untold };
}

export function about({ name, serial }: CurrentCertificate): Pick<Step, "certificate" | "identity"> {
  return { certificate: name, identity: { subject: `CN=${name}`, serial } };
}

/** The directory of NAME, from the stable paths that lead through `current`. */
function directoryOf({ files }: CurrentCertificate): string {
  return dirname(dirname(files.cert));
}

export function generationOf({ platform }: Attempting, certificate: CurrentCertificate): number {
  return activeGeneration(platform.files, directoryOf(certificate)) ?? 0;
}
