import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { type CurrentCertificate, currentCertificate, isDue, renew } from "../renew.ts";
import { namesWithSameKey, sharedKeyWarning } from "../shared-key.ts";
import { isoTime } from "../verify/time.ts";
import { newRequestId, rotationEvent, type Step } from "./event.ts";
import { isOutstanding, readIntent, removeIntent, rotationDirectory, writeIntent } from "./intent.ts";
import type { Attempting, Rotating, Rotation } from "./rotation.ts";
import { about, generationOf, isTold, serve } from "./serve.ts";
import type { RotationTarget } from "./target.ts";

/**
 * Renews one certificate where it is due, tells its service, and makes sure that the service uses
 * it. What a run before was killed in the middle of is completed first.
 * Never throws for what goes wrong with this certificate: others are waiting.
 * @param force renew whether or not it is due
 * @throws the reason of `platform.signal` where that is aborted
 */
export async function rotate(rotating: Rotating, target: RotationTarget, force: boolean): Promise<Rotation> {
  const { platform, issuer, emit } = rotating;
  const { name } = target;
  const requestId = newRequestId(platform.random);
  const tell = (step: Step) => emit(rotationEvent(platform.clock.now(), requestId, step));
  try {
    // one rotation of a name at a time: a timer's must not meet that of a service
    const lock = join(rotationDirectory(issuer.layout, name), "lock");
    return await platform.locks.hold(lock, () => attempt({ ...rotating, tell }, target, force));
  } catch (error) {
    platform.signal.throwIfAborted();
    if (!(error instanceof FleetsecError)) throw error;
    const { code, message, hint } = error;
    tell({ severity: "error", action: "rotation-failed", certificate: name, reason: message });
    return { outcome: "failed", name, code, reason: message, hint };
  }
}

async function attempt(parts: Attempting, target: RotationTarget, force: boolean): Promise<Rotation> {
  const { platform, issuer, settings, role } = parts;
  const { files, clock } = platform;
  const { name, rekey } = target;
  const { layout } = issuer;
  issuer.inventory.refresh();
  const before = currentCertificate(files, issuer, name);
  const left = readIntent(files, layout, name);
  if (!force && !isDue(before, clock.now())) {
    if (isOutstanding(left, before)) {
      const served = await serve(parts, target, before, left);
      return served.outcome === "renewed" ? { ...served, outcome: "told" } : served;
    }
    if (left !== undefined) removeIntent(files, layout, name);
    return { outcome: "not-due", name, certificate: before };
  }
  const intent = { serial: before.serial, generation: generationOf(parts, before) };
  const canTell = isTold(target);
  if (canTell) writeIntent(files, layout, name, intent);
  const result = await renew(platform, issuer, settings, { name, role, force, rekey });
  const certificate = result.renewed ? result.certificate : result.current;
  // not renewed, and yet another: a writer was killed before it swapped `current`, and now it is swapped
  const changed = certificate.serial !== before.serial;
  if (!changed) {
    if (canTell) removeIntent(files, layout, name);
    return { outcome: "not-due", name, certificate };
  }
  parts.tell({
    severity: "info",
    action: "certificate-renewed",
    ...about(certificate),
    not_after: isoTime(certificate.notAfter),
    previous_serial: before.serial,
  });
  const served = await serve(parts, target, certificate, canTell ? intent : left);
  return { ...served, ...warnOfSharedKey(parts, certificate) };
}

function warnOfSharedKey({ platform, issuer, tell }: Attempting, certificate: CurrentCertificate) {
  const names = namesWithSameKey(platform.files, issuer, certificate, platform.clock.now());
  if (names.length === 0) return {};
  const reason = sharedKeyWarning(names);
  tell({ severity: "warning", action: "key-shared", ...about(certificate), reason });
  return { sharesKeyWith: names };
}
