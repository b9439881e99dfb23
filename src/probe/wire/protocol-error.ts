/**
 * A peer that breaks the protocol, with the alert that tells it so (RFC 8446, section 6.2).
 * The only thing that the peer's bytes can make this folder throw; it never leaves `src/probe`.
 */
export class ProtocolError extends Error {
  override readonly name: string = "ProtocolError";
  /** AlertDescription. */
  readonly alert: number;

  constructor(message: string, alert: number) {
    super(message);
    this.alert = alert;
  }
}
