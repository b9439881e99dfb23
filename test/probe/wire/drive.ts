import { createPrivateKey, generateKeyPairSync, type KeyObject, randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { systemPlatform } from "../../../src/platform/system.ts";
import { type Observation, observe } from "../../../src/probe/observe.ts";
import { tap } from "../../../src/probe/tap.ts";
import { watch } from "../../../src/probe/watch.ts";
import { wireSession } from "../../../src/probe/wire/session.ts";
import type { WireClient } from "../../../src/probe/wire/client.ts";
import {
  settings,
  type Settings,
  type WireIdentity,
  type WireVersion,
} from "../../../src/probe/wire/settings.ts";
import { patientClock } from "../../support/patient-clock.ts";
import type { TestCa, TestLeaf } from "../support/certificates.ts";

const clock = patientClock(systemPlatform(new AbortController().signal).clock);

export const versions = ["1.3", "1.2"] as const satisfies readonly WireVersion[];

/** Keys that belong to nobody's certificate, one of each kind. */
export const impostors: readonly KeyObject[] = [
  generateKeyPairSync("ec", { namedCurve: "prime256v1" }),
  generateKeyPairSync("ec", { namedCurve: "secp384r1" }),
  generateKeyPairSync("rsa", { modulusLength: 2048 }),
  generateKeyPairSync("ed25519"),
].map(({ privateKey }) => privateKey);

export function wireIdentity(leaf: TestLeaf, ...chain: readonly TestCa[]): WireIdentity {
  return {
    chain: [leaf.der, ...chain.map(({ der }) => der)],
    key: createPrivateKey(leaf.keyPem),
    impostors,
  };
}

/** Settings of a conforming client that trusts every server. */
export function client(version: WireVersion, chosen: Partial<Settings> = {}): Settings {
  const random = (length: number) => randomBytes(length);
  return settings({ version, random, now: () => clock.monotonic(), trust: () => true, ...chosen });
}

export interface DriveOptions {
  /** Sent once the handshake is over on our side, and the server has had its time to object. */
  readonly request?: string;
  /** That time, in milliseconds. */
  readonly settle?: number;
  /** Ends the wait before its time. */
  readonly until?: (received: string) => boolean;
  /** Milliseconds for the handshake, and again for the answer. */
  readonly ms?: number;
}

export interface Drive {
  readonly client: WireClient;
  readonly received: string;
  readonly ended: boolean;
  readonly error: string | undefined;
  /** What an independent reader makes of the bytes. */
  readonly seen: Observation;
}

/** One connection from beginning to end. */
export async function drive(
  to: number | Socket | Duplex,
  chosen: Settings,
  { request = "ping", settle = 5, until = (received) => received.length > 0, ms = 30_000 }: DriveOptions = {},
): Promise<Drive> {
  const events = watch(clock, new AbortController().signal);
  const socket =
    typeof to === "number" ? connect({ host: "127.0.0.1", port: to, noDelay: true }) : (to as Socket);
  const wire = tap(socket, events.changed);
  try {
    await events.until(() => wire.connected || wire.error !== undefined, ms);
    const session = wireSession(wire, chosen, events.changed);
    await events.until(() => session.ready || session.over, ms);
    const text = () => Buffer.from(session.received).toString("latin1");
    if (session.ready) {
      if (settle > 0) await events.until(() => session.over, settle);
      session.write(Buffer.from(request));
      await events.until(() => session.over || until(text()), ms);
    }
    return {
      client: session.client,
      received: text(),
      ended: wire.ended,
      error: wire.error,
      seen: observe(wire.transcript, session.secrets),
    };
  } finally {
    socket.destroy();
  }
}
