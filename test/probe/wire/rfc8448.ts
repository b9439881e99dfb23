import { readFileSync } from "node:fs";

/** One handshake of RFC 8448. */
export interface Rfc8448Trace {
  readonly title: string;
  /** The client's ephemeral private keys by group. */
  readonly privateKeys: Readonly<Partial<Record<"x25519" | "secp256r1", string>>>;
  /** Bytes that each side sent, in order; one entry may hold several records. */
  readonly records: readonly (readonly ["client" | "server", string])[];
  readonly secrets: Readonly<Record<string, string>>;
  readonly psk?: string;
  readonly earlyData?: string;
  readonly applicationData?: string;
}

const file = JSON.parse(readFileSync(new URL("rfc8448.json", import.meta.url), "utf8")) as {
  readonly traces: Readonly<Record<"3" | "4" | "5" | "6" | "7", Rfc8448Trace>>;
};

/** By section. */
export const traces = file.traces;

export const bytes = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, "hex"));
export const hex = (data: Uint8Array): string => Buffer.from(data).toString("hex");
