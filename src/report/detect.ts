import { alteredLog, type DetectResult, standingOf } from "../logs/detect/detect.ts";
import type { EventPlace } from "../logs/detect/seen.ts";
import type { UnloggedCertificate, UnloggedCode } from "../logs/detect/unlogged.ts";
import { anchoredSize, isWhole, type Verification } from "../logs/verify/verification.ts";
import { anchorAdvice, lacksAnchor } from "./anchor-advice.ts";
import { escapeText } from "./escape.ts";
import { fields } from "./fields.ts";
import { count } from "./quantity.ts";
import type { Check, Report, Rule } from "./report.ts";
import { wrap } from "./wrap.ts";

/** What `detect` found, as JSON. */
export function detectDocument(result: DetectResult): object {
  const { seen, unread, truncated, unlogged, events, issuance, beyond } = result;
  return {
    schema: "fleetsec.detect/v1",
    ok: standingOf(result) === "clean",
    seen,
    unread,
    truncated,
    findings: unlogged.map((one) => ({ ...one, serial: serialText(one) })),
    ...(events === undefined ? {} : { events: logOf(events, beyond.events) }),
    issuance: logOf(issuance, beyond.issuance),
  };
}

/** As OpenSSL and `cert list` write it. */
function serialText({ serial }: UnloggedCertificate): string {
  return serial.toUpperCase().padStart(serial.length + (serial.length % 2), "0");
}

function logOf(verification: Verification, beyond: number | undefined): object {
  const { verdict, log } = verification;
  return {
    verdict,
    ...(log === undefined
      ? {}
      : { origin: log.origin, size: log.size, anchored: anchoredSize(verification) }),
    ...(beyond === undefined ? {} : { beyond }),
  };
}

const WHY: Readonly<Record<UnloggedCode, string>> = {
  NOT_LOGGED: "no issue with its serial is in the log of issuance",
  OTHER_NAME: "the issue with its serial was for another name",
  OTHER_CERTIFICATE: "the issue with its serial and name was of another certificate",
};

/** Certificates that a person is shown. */
const MAX_SHOWN = 50;

/** The same for a person, as wide as the terminal. */
export function detectText(result: DetectResult, columns: number): string {
  const { seen, unread, truncated, unlogged, events, issuance } = result;
  const sorted = [...unlogged].sort((a, b) => Number(b.letIn) - Number(a.letIn));
  const more = unlogged.length - MAX_SHOWN;
  return [
    headlineOf(result),
    ...sorted.slice(0, MAX_SHOWN).map((one) => `\n${textOf(one, columns)}`),
    ...(more > 0 ? [`\n… and ${more} more: --json lists them all`] : []),
    "",
    fields([
      [
        "seen",
        `${seen} ${seen === 1 ? "certificate" : "certificates"}${truncated ? ", and more that were not looked at" : ""}`,
      ],
      ...(unread === 0
        ? []
        : [["unread", `${count(unread, "record", "records")}: fleetsec logs lint tells why`] as const]),
      ...(events === undefined ? [] : [["events", logText(events)] as const]),
      ["issuance", logText(issuance)],
    ]),
    ...logsWithoutAnchor(result).map(
      ({ name, flag, log }) => `\n${wrap(`Log of ${name}: ${adviceOf(log, flag)}`, columns).join("\n")}`,
    ),
  ].join("\n");
}

function logText({ verdict, log }: Verification): string {
  if (log === undefined) return verdict;
  return `${escapeText(log.origin)}, ${log.size} ${log.size === 1 ? "batch" : "batches"}: ${verdict}`;
}

function headlineOf(result: DetectResult): string {
  const letIn = result.unlogged.filter((one) => one.letIn).length;
  const refused = result.unlogged.length - letIn;
  const rest = refused === 0 ? "" : `; ${refused} more that TLS refused (reported, no failure)`;
  switch (standingOf(result)) {
    case "found":
      // what an altered log of issuance has or lacks says nothing of a certificate
      if (result.issuance.verdict === "altered") return `ALTERED: ${alteredText(result)}`;
      return letIn === 0
        ? `ALTERED: ${alteredText(result)}${rest}`
        : `UNLOGGED: ${letIn} ${letIn === 1 ? "certificate" : "certificates"} let in whose issue is not logged${rest}`;
    case "not-established":
      return `NOT ESTABLISHED: ${doubtOf(result)}${rest}`;
    case "clean":
      return `every certificate that was let in is logged${rest}`;
  }
}

function alteredText(result: DetectResult): string {
  return `the log of ${alteredLog(result)} is altered`;
}

function doubtOf(result: DetectResult): string {
  const { seen, unread, truncated, unlogged, events, issuance } = result;
  if (unlogged.some(({ letIn }) => letIn)) {
    return `what is missing may stand where ${notVerified("issuance", issuance)}`;
  }
  if (!isWhole(issuance)) return notVerified("issuance", issuance);
  if (events !== undefined && !isWhole(events)) return notVerified("events", events);
  if (truncated) return "there are too many certificates";
  if (unread > 0) {
    return `${count(unread, "record does", "records do")} not say which certificate was let in`;
  }
  if (seen === 0) return "no event tells of a certificate";
  const unanchored = logsWithoutAnchor(result);
  const bare = unanchored.filter(({ log }) => lacksAnchor(log)).map(({ name }) => name);
  if (bare.length > 0) return `nothing anchors the log of ${bare.join(" and that of ")}`;
  return unanchored
    .map(({ name, beyond }) => `no anchor has batch ${beyond} of the log of ${name}`)
    .join(", ");
}

/** The logs that no anchor has as far as they are read, each with the flag that names one of it. */
function logsWithoutAnchor({ events, issuance, beyond }: DetectResult): readonly UnanchoredLog[] {
  const logs = [
    ...(events === undefined
      ? []
      : [{ name: "events", flag: "--anchor", log: events, beyond: beyond.events }]),
    { name: "issuance", flag: "--transparency-anchor", log: issuance, beyond: beyond.issuance },
  ];
  return logs.filter((one) => lacksAnchor(one.log) || (isWhole(one.log) && one.beyond !== undefined));
}

function adviceOf(log: Verification, flag: string): string {
  const advice = anchorAdvice(log, flag);
  if (lacksAnchor(log)) return advice;
  const size = anchoredSize(log);
  return `its newest anchor has ${size} ${size === 1 ? "batch" : "batches"}; whoever holds the log's key can still rewrite what came after it. Of a log that grows, the kept checkpoint is always older: run fleetsec logs anchor before, and name that place. ${advice}`;
}

interface UnanchoredLog {
  readonly name: string;
  readonly flag: string;
  readonly log: Verification;
  /** The newest batch that was read and that no anchor has. */
  readonly beyond: number | undefined;
}

function notVerified(name: string, { unestablished: [why] }: Verification): string {
  return `the log of ${name} is not verified${why === undefined ? "" : ` (${escapeText(why)})`}`;
}

function textOf(certificate: UnloggedCertificate, columns: number): string {
  const { code, subject, events, letIn, first, last, place } = certificate;
  const times = `${events} ${events === 1 ? "event" : "events"}, ${first === last ? first : `${first} to ${last}`}`;
  const rows = [
    ["serial", serialText(certificate)],
    ["subject", escapeText(subject)],
    ["why", WHY[code]],
    ["seen", escapeText(times)],
    ["where", `${escapeText(placeText(place))}${letIn ? "" : ": refused by TLS"}`],
  ] as const;
  return fields(rows.flatMap(([label, value]) => wrapped(label, value, columns - 11)));
}

function wrapped(label: string, value: string, columns: number): (readonly [string, string])[] {
  return wrap(value, columns).map((line, i) => [i === 0 ? `  ${label}` : "", line]);
}

function placeText(place: EventPlace): string {
  return "seq" in place ? `batch ${place.seq}, line ${place.line}` : `${place.file}:${place.line}`;
}

/** The same as every report format is made from it. */
export function detectReport(result: DetectResult, context: Pick<Report, "version" | "time">): Report {
  return {
    ...context,
    command: "detect",
    headline: headlineOf(result),
    document: detectDocument(result),
    rules: [UNLOGGED, LOG],
    checks: [...result.unlogged.map((one) => checkOf(one, result)), ...restOf(result)],
  };
}

const UNLOGGED: Rule = {
  id: "unlogged-certificate",
  title: "every certificate that is let in was logged when it was issued",
  meaning: "somebody else holds the CA's key, or issues beside its log",
  reference: "RFC 9162 section 1",
  fix: "revoke the certificate, find who issued it, and rotate the CA",
};

const LOG: Rule = {
  id: "log-verified",
  title: "the logs are whole, and anchored",
  meaning: "of a log that is altered or cut off, what is missing is not known",
  reference: "",
  fix: "fleetsec verify-logs says what is wrong with the log",
};

function checkOf(certificate: UnloggedCertificate, { issuance }: DetectResult): Check {
  const { code, subject, letIn, events, place } = certificate;
  const serial = serialText(certificate);
  return {
    rule: UNLOGGED.id,
    // of a log that is not whole, what is missing may have been there
    outcome: !letIn ? "noted" : isWhole(issuance) ? "failed" : "inconclusive",
    subject: `${serial} ${subject}`.trimEnd(),
    variant: "",
    evidence: `${WHY[code]}; ${events} events, first ${placeText(place)}`,
    ...("file" in place ? { place: { path: place.file, line: place.line } } : {}),
    key: [serial, subject, code],
  };
}

function restOf(result: DetectResult): Check[] {
  const standing = standingOf(result);
  const check = { subject: "all certificates", variant: "", key: ["all"] };
  if (standing === "clean") {
    return [{ ...check, rule: UNLOGGED.id, outcome: "passed", evidence: `${result.seen} certificates seen` }];
  }
  if (standing === "not-established") {
    return [{ ...check, rule: LOG.id, outcome: "inconclusive", evidence: doubtOf(result) }];
  }
  return alteredLog(result) === undefined
    ? []
    : [{ ...check, rule: LOG.id, outcome: "failed", evidence: alteredText(result) }];
}
