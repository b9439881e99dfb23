/** What is said without TLS before a connection is upgraded to it, as plain data. */
export interface Opening {
  readonly request: Uint8Array;
  /** What the server says (as Latin-1) where it agrees: what follows is TLS. */
  readonly agreed: RegExp;
}

/** More than any agreement is long. */
export const MAX_OPENING = 4096;

export function opening(request: string | Uint8Array, agreed: RegExp): Opening {
  return { request: Buffer.from(request), agreed };
}

/** Whether the server has agreed. */
export function isAgreed({ agreed }: Opening, received: Uint8Array): boolean {
  return agreed.test(Buffer.from(received.subarray(0, MAX_OPENING)).toString("latin1"));
}
