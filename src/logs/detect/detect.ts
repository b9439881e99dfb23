import type { Platform } from "../../platform/platform.ts";
import { lintRecord } from "../lint/event.ts";
import { eachRecord } from "../sign/each-record.ts";
import { expandInputs } from "../sign/expand.ts";
import { openVerified } from "../trace/verified-log.ts";
import { isWhole, type Verification, type VerifyRequest } from "../verify/verification.ts";
import type { VerifyParts } from "../verify/verify.ts";
import { type CertificateWatch, watchCertificates } from "./seen.ts";
import { compareWithIssues, type UnloggedCertificate } from "./unlogged.ts";

/** Where gateways' events are: in a signed log, or in files (absolute paths, or `-`) as they were written. */
export type EventSource = { readonly store: VerifyRequest } | { readonly inputs: readonly string[] };

export interface DetectRequest {
  readonly events: EventSource;
  /** The signed log of the CA's inventory. */
  readonly issuance: VerifyRequest;
}

export type DetectParts = VerifyParts & Pick<Platform, "stdin">;

export interface DetectResult {
  /** Certificates that events tell of, and how many of these are unlogged. */
  readonly seen: number;
  /** Records that may tell of a certificate, and do not say which: no event, none with a serial, or an unreadable SHA-256. */
  readonly unread: number;
  /** Whether there were more certificates than can be kept track of. */
  readonly truncated: boolean;
  readonly unlogged: readonly UnloggedCertificate[];
  /** Of the signed events; undefined for files. */
  readonly events: Verification | undefined;
  readonly issuance: Verification;
  /** The newest batch of each log that it rests on, where no anchor has that batch and one must. */
  readonly beyond: { readonly events?: number; readonly issuance?: number };
}

/**
 * Certificates that gateways saw and the CA's signed inventory does not have. Only verified batches
 * count, on both sides.
 * @throws FleetsecError where an input cannot be read at all
 */
export async function detect(request: DetectRequest, parts: DetectParts): Promise<DetectResult> {
  const watch = watchCertificates();
  const { complete, events, noEvents, beyond } = await watchEvents(request.events, watch, parts);
  const issuance = await openVerified(request.issuance, parts);
  const seen = watch.seen();
  const { unlogged, lastIssue } = await compareWithIssues(seen, issuance);
  return {
    seen: seen.length,
    unread: watch.unread() + noEvents,
    truncated: !complete,
    unlogged,
    events,
    issuance: issuance.verification,
    beyond: {
      ...(beyond === undefined ? {} : { events: beyond }),
      ...(lastIssue === undefined || issuance.covers(lastIssue) ? {} : { issuance: lastIssue }),
    },
  };
}

interface Watched {
  readonly complete: boolean;
  readonly events: Verification | undefined;
  /** Records of a signed log that are no events: they are not shown. */
  readonly noEvents: number;
  /** The batch of the last event that lets a certificate in, where an anchor must have it and none has. */
  readonly beyond?: number;
}

async function watchEvents(
  source: EventSource,
  watch: CertificateWatch,
  parts: DetectParts,
): Promise<Watched> {
  let complete = true;
  if ("store" in source) {
    const log = await openVerified(source.store, parts);
    let shown = 0;
    await log.each(
      [],
      () => true,
      ({ event, seq, line }) => {
        shown += 1;
        return (complete = watch.note(event, { seq, line }));
      },
    );
    const { verification } = log;
    // of a log that is not whole it is not known how many there should be
    const isKnown = complete && isWhole(verification);
    const noEvents = isKnown ? verification.checked.records - shown : 0;
    const last = watch.lastLetIn();
    const isBeyond = last !== undefined && "seq" in last && !log.covers(last.seq);
    return { complete, events: verification, noEvents, ...(isBeyond ? { beyond: last.seq } : {}) };
  }
  for (const path of expandInputs(parts.files, source.inputs).paths) {
    await eachRecord(path, parts, (record, line) => {
      if (complete) complete = watch.note(lintRecord(record).event, { file: path, line });
    });
  }
  return { complete, events: undefined, noEvents: 0 };
}

/** What a detection comes to. */
export type Standing = "clean" | "found" | "not-established";

/**
 * A certificate that was let in counts; what TLS refused is reported. Nothing is clean where no event
 * tells of a certificate, or some do not say which, or a log does not stand as a whole, or is not anchored
 * as far as it is read.
 */
export function standingOf(result: DetectResult): Standing {
  const { unlogged, events, issuance } = result;
  const isFound = unlogged.some(({ letIn }) => letIn);
  if (alteredLog(result) !== undefined) return "found";
  // of a log of issuance that is not whole, what is not found may have been in it
  if (isFound && isWhole(issuance)) return "found";
  const isDoubtful = result.truncated || result.unread > 0 || result.seen === 0;
  const areWhole = issuance.ok && (events === undefined || events.ok);
  const areEstablished = areWhole && Object.keys(result.beyond).length === 0;
  return isFound || isDoubtful || !areEstablished ? "not-established" : "clean";
}

/** The log that is altered, by what it is of. */
export function alteredLog({ events, issuance }: DetectResult): "events" | "issuance" | undefined {
  if (issuance.verdict === "altered") return "issuance";
  return events?.verdict === "altered" ? "events" : undefined;
}
