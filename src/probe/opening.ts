/** What is said without TLS before a connection is upgraded to it. */
export interface Opening {
  readonly request: Uint8Array;
  /** Whether the server has agreed: what follows is TLS. */
  readonly isAccepted: (received: Uint8Array) => boolean;
}

/** More than any agreement is long. */
export const MAX_OPENING = 4096;

export function opening(request: string | Uint8Array, agreed: RegExp): Opening {
  return {
    request: Buffer.from(request),
    isAccepted: (received) => agreed.test(Buffer.from(received.subarray(0, MAX_OPENING)).toString("latin1")),
  };
}
