import { FleetsecError } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { parseCertificate } from "../verify/certificate.ts";
import { presentedBy } from "../verify/endpoint.ts";
import type { ConfirmTarget } from "./target.ts";

type Outside = Pick<Platform, "network" | "clock" | "signal">;

/** Milliseconds between two looks at a service: it may take its time to reload. */
const INTERVAL = 200;
/** Looks in a row: while nginx reloads, workers of both configurations accept connections for a moment. */
const SIGHTINGS = 3;

/**
 * Connects to a service until it serves a certificate, byte for byte, or time is up.
 * @param expected DER
 * @returns why it could not be confirmed, or undefined where it was
 */
export async function confirmServed(
  { host, port, timeout }: ConfirmTarget,
  expected: Uint8Array,
  outside: Outside,
): Promise<string | undefined> {
  const { clock, signal } = outside;
  const deadline = clock.monotonic() + timeout;
  let [answer, silence]: (string | undefined)[] = [];
  for (let sightings = 0; sightings < SIGHTINGS; await clock.sleep(INTERVAL)) {
    const left = Math.ceil(deadline - clock.monotonic());
    // what it served says more than that the last look came to nothing
    if (left <= 0) return answer ?? silence ?? `${host}:${port} was not looked at often enough in time`;
    const seen = await look(host, port, left, outside);
    signal.throwIfAborted();
    const isExpected = !(seen instanceof FleetsecError) && Buffer.compare(seen, expected) === 0;
    sightings = isExpected ? sightings + 1 : 0;
    if (seen instanceof FleetsecError) silence = seen.message;
    else if (!isExpected) answer = `${host}:${port} serves ${serialOf(seen)}`;
  }
  return undefined;
}

/** The certificate that a service presents, DER, or why there is none. */
async function look(
  host: string,
  port: number,
  timeout: number,
  outside: Outside,
): Promise<Uint8Array | FleetsecError> {
  try {
    const { chain } = await presentedBy({ host, port, timeout }, outside);
    return chain[0] ?? new FleetsecError("unreachable", `${host}:${port} presents no certificate`);
  } catch (error) {
    if (error instanceof FleetsecError) return error;
    throw error;
  }
}

function serialOf(der: Uint8Array): string {
  try {
    return `the serial number ${parseCertificate(der, "certificate").serial}`;
  } catch (error) {
    if (error instanceof FleetsecError) return "a certificate that cannot be read";
    throw error;
  }
}
