/** A client's certificate chain (PEM, leaf first) and private key (PEM). Held in memory only. */
export interface Identity {
  readonly certificates: string;
  readonly key: string;
}
