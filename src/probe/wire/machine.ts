import { UNEXPECTED_MESSAGE } from "./alerts.ts";
import type { HandshakeMessage } from "./handshake.ts";
import { ProtocolError } from "./protocol-error.ts";

/** The handshake of one version, without input and output: what it sends waits in the record layer. */
export interface Machine {
  /** The name of its state, for people. */
  readonly state: string;
  start(): void;
  /** @throws ProtocolError for a message that is wrong, or not one that the state waits for */
  receive(message: HandshakeMessage): void;
  /** @throws ProtocolError */
  receiveChangeCipherSpec(): void;
  /** Application data, once the connection is ready. */
  write(bytes: Uint8Array): void;
}

/** @throws ProtocolError for a message of another type */
export function expectType(message: HandshakeMessage, ...types: readonly number[]): void {
  if (!types.includes(message.type)) throw unexpected(message);
}

export function unexpected({ type }: HandshakeMessage): ProtocolError {
  return new ProtocolError(`handshake message ${type} where none of its kind may come`, UNEXPECTED_MESSAGE);
}
