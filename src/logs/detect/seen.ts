import { isLetIn, isRefused, isSaid, isSerial, plainFingerprint, plainSerial } from "../lint/certificate.ts";
import type { Event } from "../lint/event.ts";
import { certificatesIn } from "../trace/identity.ts";

/** Where an event stands: in a signed batch, or on a line of a file. */
export type EventPlace =
  | { readonly seq: number; readonly line: number }
  | { readonly file: string; readonly line: number };

/** A client certificate as the events of gateways tell of it. */
export interface SeenCertificate {
  /** In lower-case hex, without leading zeros. */
  readonly serial: string;
  /** SHA-256 of its DER, in lower-case hex, where the gateway says it. */
  readonly sha256: string | undefined;
  readonly subject: string;
  /** Events that are about it. */
  readonly events: number;
  /** Whether one of them is anything else than a refusal by TLS. */
  readonly letIn: boolean;
  /** As the first and the last of them, by their place, say. */
  readonly first: string;
  readonly last: string;
  /** Of the first one that let it in, otherwise of the first one. */
  readonly place: EventPlace;
}

/** The certificates in events, as they come. */
export interface CertificateWatch {
  /**
   * @param event undefined for a record that is none
   * @returns false where there are too many certificates to go on
   */
  note(event: Event | undefined, place: EventPlace): boolean;
  readonly seen: () => readonly SeenCertificate[];
  /** Where the last event stands that lets a certificate in. */
  readonly lastLetIn: () => EventPlace | undefined;
  /** Records that may tell of a certificate, and do not say which in a way that can be read. */
  readonly unread: () => number;
}

/** Certificates that are kept track of. */
export const MAX_SEEN = 100_000;
/** Of a subject that is kept: RFC 5280 has no limit. */
const MAX_TEXT = 500;

export function watchCertificates(): CertificateWatch {
  const known = new Map<string, SeenCertificate>();
  let unread = 0;
  let lastLetIn: EventPlace | undefined;
  return {
    note(event, place) {
      if (event === undefined || isUnread(event)) unread += 1;
      const certificate = event === undefined ? undefined : certificateIn(event);
      if (event === undefined || certificate === undefined) return true;
      const { serial, sha256, subject } = certificate;
      const key = JSON.stringify([serial, sha256, subject]);
      const before = known.get(key);
      if (before === undefined && known.size === MAX_SEEN) return false;
      const time = textIn(event, "timestamp");
      const letIn = !isRefused(event);
      if (letIn) lastLetIn = place;
      known.set(key, {
        ...certificate,
        events: (before?.events ?? 0) + 1,
        letIn: before?.letIn === true || letIn,
        first: before?.first ?? time,
        last: time,
        place: before === undefined || (letIn && !before.letIn) ? place : before.place,
      });
      return true;
    },
    seen: () => [...known.values()],
    lastLetIn: () => lastLetIn,
    unread: () => unread,
  };
}

/** The event may tell of a certificate, and does not say which, or says it in a way that cannot be read. */
function isUnread(event: Event): boolean {
  const told = certificatesIn(event);
  if (told.some((one) => isSaid(one["sha256"]) && fingerprintIn(one) === undefined)) return true;
  return certificateIn(event) === undefined && (isLetIn(event) || told.some(({ serial }) => isSaid(serial)));
}

function certificateIn(event: Event): Pick<SeenCertificate, "serial" | "sha256" | "subject"> | undefined {
  for (const told of certificatesIn(event)) {
    const serial = plainSerial(textIn(told, "serial"));
    if (isSerial(serial)) return { serial, sha256: fingerprintIn(told), subject: textIn(told, "subject") };
  }
  return undefined;
}

function fingerprintIn(told: Event): string | undefined {
  return plainFingerprint(textIn(told, "sha256"));
}

function textIn(event: Event, name: string): string {
  const value = event[name];
  return typeof value === "string" ? value.slice(0, MAX_TEXT) : "";
}
