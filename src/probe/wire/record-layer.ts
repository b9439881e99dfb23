import { type Content, type Opener, openerAfter, openPlain, plainSealer, type Sealer } from "./protection.ts";
import { fragments, type TlsRecord } from "./records.ts";

/** Both directions' protection, and what waits to be sent. */
export interface RecordLayer {
  open(record: TlsRecord): Content;
  /** Counts the changes of the keys that open. */
  readonly epoch: number;
  /** Whether what arrives is protected. */
  readonly opensProtected: boolean;
  openWith(opener: Opener): void;
  sealWith(sealer: Sealer): void;
  /** Puts content into records; they wait until `take`. @param size the most bytes in one record */
  write(content: Content, size?: number): void;
  /** As `write`, without protection whatever the keys. */
  writePlain(content: Content): void;
  /** All that waits, to be sent in one write. */
  take(): Uint8Array;
}

export function recordLayer(): RecordLayer {
  let opener = openPlain;
  /** Of the keys in use alone. */
  let current = openPlain;
  // a first ClientHello says TLS 1.0, for the sake of old servers (RFC 8446, section 5.1)
  let sealer = plainSealer(0x0301);
  let epoch = 0;
  let waiting: Uint8Array[] = [];
  return {
    open: (record) => opener(record),
    get epoch() {
      return epoch;
    },
    get opensProtected() {
      return opener !== openPlain;
    },
    openWith(next) {
      opener = openerAfter(current, next);
      current = next;
      epoch += 1;
    },
    sealWith(next) {
      sealer = next;
    },
    write({ type, bytes }, size) {
      for (const piece of fragments(bytes, size)) waiting.push(sealer({ type, bytes: piece }));
    },
    writePlain: (content) => void waiting.push(plainSealer()(content)),
    take() {
      const all = Buffer.concat(waiting);
      waiting = [];
      return all;
    },
  };
}
