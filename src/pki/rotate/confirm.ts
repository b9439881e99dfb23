import { FleetsecError } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import { parseCertificate } from "../verify/certificate.ts";
import { presentedBy } from "../verify/endpoint.ts";
import type { ConfirmTarget } from "./target.ts";

type Outside = Pick<Platform, "network" | "clock" | "signal">;

/** Milliseconds between two looks at a service: it may take its time to reload. */
const INTERVAL = 200;

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
  for (;;) {
    const left = Math.max(1, deadline - clock.monotonic());
    const seen = await look(host, port, left, expected, outside);
    if (seen === undefined) return undefined;
    signal.throwIfAborted();
    if (clock.monotonic() + INTERVAL >= deadline) return seen;
    await clock.sleep(INTERVAL);
  }
}

async function look(
  host: string,
  port: number,
  timeout: number,
  expected: Uint8Array,
  outside: Outside,
): Promise<string | undefined> {
  try {
    const { chain } = await presentedBy({ host, port, timeout }, outside);
    const [served] = chain;
    if (served === undefined) return `${host}:${port} presents no certificate`;
    if (Buffer.compare(served, expected) === 0) return undefined;
    return `${host}:${port} serves ${serialOf(served)}`;
  } catch (error) {
    if (error instanceof FleetsecError) return error.message;
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
