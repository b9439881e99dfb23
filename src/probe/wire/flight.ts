import type { CipherSuite } from "./cipher-suites.ts";
import { type Connection, sendMessage } from "./connection.ts";
import {
  type CertificateRequest,
  encodeCertificates,
  encodeCertificateVerify,
  type HandshakeMessage,
  HandshakeType,
} from "./handshake.ts";
import { prove, schemeFor } from "./proof.ts";
import { conformingFlight, type Step } from "./script.ts";
import type { Settings } from "./settings.ts";
import type { Transcript } from "./transcript.ts";

/** How a version's state machine brings out the steps that differ between the versions. */
export interface Stage {
  readonly connection: Connection;
  readonly transcript: Transcript;
  readonly hash: CipherSuite["hash"];
  /** What is answered; undefined where the server asked for no certificate. */
  readonly request: CertificateRequest | undefined;
  keyExchange(): void;
  finished(verifyData: "right" | "wrong"): void;
  newKeys(): void;
}

/** Puts every step of a flight into the next write. */
export function sendFlight(stage: Stage, steps: readonly Step[]): void {
  for (const step of steps) sendStep(stage, step);
  stage.connection.flightSent = true;
}

/** What a conforming client answers with what it has. */
export function flightFor({ identity, version }: Settings, request: CertificateRequest | undefined) {
  if (request === undefined) return conformingFlight("not-asked");
  const fitting = identity !== undefined && schemeFor(identity.key, request, version) !== undefined;
  return conformingFlight(fitting ? "own" : "empty");
}

function sendStep(stage: Stage, step: Step): void {
  const { settings } = stage.connection;
  switch (step.send) {
    case "certificate": {
      const chain = step.chain === "own" ? identityOf(settings).chain : [];
      const context = stage.request?.context ?? new Uint8Array();
      const body = encodeCertificates(chain, settings.version, context);
      return sendAndAdd(stage, { type: HandshakeType.certificate, body });
    }
    case "certificate-verify": {
      const signable = { version: settings.version, hash: stage.hash, transcript: stage.transcript };
      const body = encodeCertificateVerify(prove(step, identityOf(settings), stage.request, signable));
      return sendAndAdd(stage, { type: HandshakeType.certificateVerify, body });
    }
    case "key-exchange":
      return stage.keyExchange();
    case "finished":
      return stage.finished(step.verifyData ?? "right");
    case "new-keys":
      return stage.newKeys();
  }
}

/** A message of the flight, as the rest of the handshake covers it. */
export function sendAndAdd({ connection, transcript }: Stage, message: HandshakeMessage): void {
  sendMessage(connection, message);
  transcript.add(message);
}

/** verify_data that is wrong in one bit. */
export function spoilt(verifyData: Uint8Array): Uint8Array {
  return verifyData.map((byte, i) => (i === 0 ? byte ^ 1 : byte));
}

function identityOf({ identity }: Settings) {
  if (identity === undefined) throw new RangeError("a script with a certificate needs an identity");
  return identity;
}
