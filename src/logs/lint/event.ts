import { hash } from "node:crypto";
import { canonicalJson, type Json } from "./canonical-json.ts";
import { isLetIn, isSaid, isSerial, plainFingerprint } from "./certificate.ts";
import { jsonStructure } from "../../json-structure.ts";
import { isRfc3339 } from "./timestamp.ts";

/** The rules of audit events: docs/log-format.md, "Events". */

export type LintCode =
  | "NOT_UTF8"
  | "NOT_JSON"
  | "NOT_OBJECT"
  | "TOO_DEEP"
  | "DUPLICATE_KEY"
  | "FIELD_MISSING"
  | "FIELD_INVALID"
  | "SIGNATURE_MISMATCH";

export interface Fault {
  readonly code: LintCode;
  /** The field, as `identity.subject`; absent where the record as a whole is at fault. */
  readonly field?: string;
  readonly detail: string;
}

export const eventTypes = [
  "authentication",
  "authorization",
  "command",
  "telemetry_transform",
  "alert",
] as const;

/** An event's fields, as far as they are known to be there. */
export type Event = Readonly<Record<string, Json>>;

const MAX_DEPTH = 32;
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** What is wrong with a record; none where it is a right event. */
export function lintRecord(record: Uint8Array): {
  readonly event?: Event;
  readonly faults: readonly Fault[];
} {
  const parsed = parseEvent(record);
  if ("code" in parsed) return { faults: [parsed] };
  const { event } = parsed as { event: Event };
  return { event, faults: [...commonFaults(event), ...typeFaults(event), ...signatureFaults(event)] };
}

function parseEvent(record: Uint8Array): Fault | { readonly event: Event } {
  const parsed = parseJson(record);
  if ("code" in parsed) return parsed;
  const { value, text } = parsed;
  return isObject(value) ? (structureFault(text) ?? { event: value }) : NOT_OBJECT;
}

/** The objects of a record that is one, or a list of them; what else is in the list is a fault. */
export function parseObjects(record: Uint8Array): readonly (Fault | { readonly event: Event })[] {
  const parsed = parseJson(record);
  if ("code" in parsed || !Array.isArray(parsed.value)) return [parseEvent(record)];
  const fault = structureFault(parsed.text);
  if (fault !== undefined) return [fault];
  return (parsed.value as readonly Json[]).map((item) => (isObject(item) ? { event: item } : NOT_OBJECT));
}

const NOT_OBJECT: Fault = { code: "NOT_OBJECT", detail: "the record is no JSON object" };

function parseJson(record: Uint8Array): Fault | { readonly value: Json; readonly text: string } {
  let text: string;
  try {
    text = decoder.decode(record);
  } catch {
    return { code: "NOT_UTF8", detail: "the record is not valid UTF-8" };
  }
  try {
    return { value: JSON.parse(text) as Json, text };
  } catch {
    return {
      code: "NOT_JSON",
      detail: text.trim() === "" ? "the record is empty" : "the record is not JSON",
    };
  }
}

/** @param text valid JSON */
function structureFault(text: string): Fault | undefined {
  const { duplicate, depth } = jsonStructure(text);
  if (depth > MAX_DEPTH) return { code: "TOO_DEEP", detail: `more than ${MAX_DEPTH} levels` };
  if (duplicate === undefined) return undefined;
  return { code: "DUPLICATE_KEY", field: duplicate, detail: "a key stands twice in one object" };
}

/** The value where it is an object, else an empty one. */
export function objectIn(value: Json | undefined): Event {
  return isObject(value) ? value : {};
}

function isObject(value: Json | undefined): value is Event {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** A rule for a value, and what it asks for. */
interface Rule {
  readonly holds: (value: Json) => boolean;
  readonly wants: string;
}

const text: Rule = {
  holds: (value) => typeof value === "string" && value.trim() !== "",
  wants: "text that is not empty",
};
const time: Rule = {
  holds: (value) => typeof value === "string" && isRfc3339(value),
  wants: "an RFC 3339 time, e.g. 2025-11-23T06:00:00Z",
};
const texts: Rule = {
  holds: (value) => Array.isArray(value) && value.every((item) => typeof item === "string"),
  wants: "a list of texts",
};
const someTexts: Rule = {
  holds: (value) => texts.holds(value) && (value as readonly Json[]).length > 0,
  wants: "a list of texts that is not empty",
};

function oneOf(values: readonly string[]): Rule {
  return {
    holds: (value) => typeof value === "string" && values.includes(value),
    wants: `one of ${values.join(", ")}`,
  };
}

const anyText: Rule = { holds: (value) => typeof value === "string", wants: "text" };
const serial: Rule = {
  holds: (value) => typeof value === "string" && isSerial(value),
  wants: "a serial number in hex",
};
const fingerprint: Rule = {
  holds: (value) => typeof value === "string" && plainFingerprint(value) !== undefined,
  wants: "a SHA-256 in hex",
};

/** The same, or what gateways write where they do not know. */
function orUnsaid({ holds, wants }: Rule): Rule {
  return { holds: (value) => !isSaid(value) || holds(value), wants };
}

const decisions = oneOf(["allow", "deny"]);

function commonFaults(event: Event): Fault[] {
  return [
    ...required(event, "timestamp", time),
    ...required(event, "service", text),
    ...required(event, "event_type", oneOf(eventTypes)),
    ...required(event, "request_id", text),
    ...identityFaults(event),
    ...certificateFaults(event),
  ];
}

/** Who acted must be known wherever something was let through or commanded. */
function identityFaults(event: Event): Fault[] {
  const acted = isLetIn(event) || event["event_type"] === "command";
  const { identity } = event;
  if (identity === undefined || identity === null) {
    return acted ? [{ code: "FIELD_MISSING", field: "identity", detail: "who acted is not said" }] : [];
  }
  if (!isObject(identity)) return [{ code: "FIELD_INVALID", field: "identity", detail: "wants an object" }];
  return [
    ...required(identity, "subject", acted ? text : anyText, "identity."),
    ...required(identity, "serial", acted ? serial : orUnsaid(serial), "identity."),
    ...optional(identity, "roles", texts, "identity."),
    ...optional(identity, "sha256", orUnsaid(fingerprint), "identity."),
  ];
}

/** Of a client that was refused. */
function certificateFaults({ certificate }: Event): Fault[] {
  const told = objectIn(certificate);
  return [
    ...optional(told, "serial", orUnsaid(serial), "certificate."),
    ...optional(told, "sha256", orUnsaid(fingerprint), "certificate."),
  ];
}

function typeFaults(event: Event): Fault[] {
  switch (event["event_type"]) {
    case "authorization":
      return [
        ...required(event, "policy_id", text),
        ...required(event, "decision", decisions),
        ...required(event, "reason", text),
      ];
    case "command":
      return [
        ...required(event, "command", text),
        ...required(event, "requested_by", text),
        ...required(event, "vehicles", someTexts),
        ...required(event, "approvals", texts),
      ];
    default:
      return [];
  }
}

function required(event: Event, name: string, rule: Rule, prefix = ""): Fault[] {
  if (Object.hasOwn(event, name)) return judged(event[name] as Json, `${prefix}${name}`, rule);
  return [{ code: "FIELD_MISSING", field: `${prefix}${name}`, detail: `wants ${rule.wants}` }];
}

function optional(event: Event, name: string, rule: Rule, prefix = ""): Fault[] {
  const value = event[name];
  return value === undefined || value === null ? [] : judged(value, `${prefix}${name}`, rule);
}

function judged(value: Json, field: string, rule: Rule): Fault[] {
  return rule.holds(value) ? [] : [{ code: "FIELD_INVALID", field, detail: `wants ${rule.wants}` }];
}

/** `signature` is over the canonical form of the record without it. */
function signatureFaults(event: Event): Fault[] {
  if (!Object.hasOwn(event, "signature")) return [];
  const { signature, ...rest } = event;
  if (typeof signature !== "string" || !/^sha256:[0-9a-f]{64}$/.test(signature)) {
    return [{ code: "FIELD_INVALID", field: "signature", detail: "wants sha256: and 64 hex digits" }];
  }
  const canonical = canonicalJson(rest);
  if (canonical !== undefined && signature === `sha256:${hash("sha256", canonical)}`) return [];
  const detail =
    canonical === undefined
      ? "the record has no canonical form (RFC 8785)"
      : "it is not the hash of the record's canonical form (RFC 8785)";
  return [{ code: "SIGNATURE_MISMATCH", field: "signature", detail }];
}
