import { createHash } from "node:crypto";
import { escapeText } from "../escape.ts";
import {
  type Check,
  nameOf,
  outcomeOf,
  type Place,
  referenceUrl,
  type Report,
  type Rule,
} from "../report.ts";

/**
 * SARIF 2.1.0, as code scanning services read it: one run, a result for each check that failed, was
 * noted, or could not be established (kind `open`). What holds and what was left out is no result.
 */
export function sarif(report: Report): string {
  const shown = report.checks.filter(({ outcome }) => outcome in RESULTS);
  const used = report.rules.filter(({ id }) => shown.some(({ rule }) => rule === id));
  const log = {
    $schema: "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: {
          driver: {
            name: "fleetsec",
            semanticVersion: report.version,
            rules: used.map(ruleObject),
          },
        },
        automationDetails: { id: `fleetsec/${report.command}/` },
        invocations: [
          {
            // whether all that was asked for could be established, not whether it was found to hold
            executionSuccessful: outcomeOf(report) !== "inconclusive",
            endTimeUtc: new Date(report.time).toISOString(),
          },
        ],
        columnKind: "utf16CodeUnits",
        results: shown.map((check) => resultObject(report, used, check)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
}

/** SARIF section 3.27.9: a kind other than `fail` has level `none`. */
const RESULTS: Readonly<
  Partial<Record<Check["outcome"], { readonly kind: string; readonly level: string }>>
> = {
  failed: { kind: "fail", level: "error" },
  tolerated: { kind: "fail", level: "error" },
  noted: { kind: "fail", level: "note" },
  inconclusive: { kind: "open", level: "none" },
};

function ruleObject({ id, title, meaning, reference, fix }: Rule): object {
  const url = referenceUrl(reference);
  const help = [reference === "" ? `${meaning}.` : `${meaning} (${reference}).`, ...fix.split("\n")];
  return {
    id,
    shortDescription: { text: plain(title) },
    fullDescription: { text: plain(meaning) },
    help: {
      text: help
        .filter((line) => line !== "")
        .map(plain)
        .join("\n"),
    },
    ...(url === undefined ? {} : { helpUri: url }),
    properties: { tags: ["security"], "security-severity": SEVERITY },
  };
}

/** CVSS, as GitHub sorts by: what fails here lets somebody in, or shows that evidence was altered. */
const SEVERITY = "9.1";

function resultObject(report: Report, rules: readonly Rule[], check: Check): object {
  const { rule, outcome, subject, evidence, key, place } = check;
  const title = rules.find(({ id }) => id === rule)?.title ?? "";
  return {
    ruleId: rule,
    ruleIndex: rules.findIndex(({ id }) => id === rule),
    ...RESULTS[outcome],
    message: { text: plain(`${nameOf(check)}, ${subject}: ${title}: ${evidence}`) },
    locations: [
      {
        physicalLocation: physicalLocation(place ?? { path: subject }),
        logicalLocations: [{ fullyQualifiedName: escapeText(subject), kind: "resource" }],
      },
    ],
    partialFingerprints: { "fleetsec/v1": fingerprint([report.command, rule, ...key]) },
    ...(outcome === "tolerated"
      ? { suppressions: [{ kind: "external", status: "accepted", justification: plain(evidence) }] }
      : {}),
  };
}

/** What is no file has no lines; code scanning shows only what is at one. */
function physicalLocation({ path, line, offset }: Place): object {
  const startLine = line ?? (isUrl(path) ? 1 : undefined);
  const region =
    startLine === undefined ? (offset === undefined ? undefined : { byteOffset: offset }) : { startLine };
  return { artifactLocation: { uri: uriOf(path) }, ...(region === undefined ? {} : { region }) };
}

/**
 * A path as a relative or absolute URI reference (RFC 3986). Code scanning takes files of the repository
 * alone: a URL becomes the path of a file that would be called so, as image scanners do with an image's
 * name. The URL itself is the logical location.
 */
function uriOf(path: string): string {
  if (!isUrl(path)) return Buffer.from(path).toString().split("/").map(encodeURIComponent).join("/");
  const { hostname, port, pathname, search } = new URL(path);
  // path and query are encoded already; a relative reference has no slash at its beginning
  const parts = [
    encodeURIComponent(hostname),
    port,
    ...`${pathname}${search.replace("?", "%3F")}`.split("/"),
  ];
  return parts.filter((part) => part !== "").join("/") || encodeURIComponent(path);
}

function isUrl(path: string): boolean {
  return /^[a-z][a-z0-9+.-]*:\/\//i.test(path) && URL.canParse(path);
}
/** Text of a SARIF message: braces are doubled (section 3.11.5), brackets make no link (3.11.6). */
function plain(text: string): string {
  return escapeText(text, { newlines: true }).replace(/[{}]/g, "$&$&").replace(/[[\]]/g, "\\$&");
}

function fingerprint(parts: readonly string[]): string {
  return createHash("sha256").update(JSON.stringify(parts)).digest("hex");
}
