import type { Json } from "../lint/canonical-json.ts";
import { type Event, objectIn } from "../lint/event.ts";
import { checked, type Converted, fromObjects } from "./converted.ts";

/** What OPA's console marks its decision log with; everything else there is OPA's own log. */
const DECISION = "openpolicyagent.org/decision_logs";

/**
 * The entries of a line of OPA's decision log as authorization events: of one, as on its console, or of a
 * list, as OPA posts them to a service. A decision is true, false, or an object
 * with `allow` (or Envoy's `allowed`; where both are there they must agree) and, as in our policy, its id, reason and identity. Where the
 * result is undefined there is no decision: our gateways then ask for `denial`, which has one. Where the
 * evaluation ended in an error, nothing was allowed, whatever the result says.
 * @see https://www.openpolicyagent.org/docs/management-decision-logs
 */
export function opaEvents(record: Buffer): readonly Converted[] {
  return fromObjects(record, (line) => {
    if (line["type"] === DECISION || Object.hasOwn(line, "decision_id")) return decisionEvent(line);
    const isOwn = Object.hasOwn(line, "level") && Object.hasOwn(line, "msg");
    return isOwn ? { passedOver: true } : { fault: "the line is no entry of OPA's decision log" };
  });
}

function decisionEvent(entry: Event): Converted {
  const { input, path, timestamp, decision_id: decisionId } = entry;
  const error = errorIn(entry);
  if (isAbsent(entry["result"]) && (error === undefined || error === UNDEFINED)) return { passedOver: true };
  const answer =
    error === undefined ? answerOf(entry) : { allow: false, said: { reason: `error: ${error}` } as Event };
  if (answer === undefined) return { fault: "result: wants true, false, or an object with allow" };
  if (answer === "contradiction") return { fault: "result: allow and allowed contradict each other" };
  const { allow, said } = answer;
  const asked = objectIn(input);
  const identity = [said["identity"], asked["identity"]].map(objectIn).find(({ subject }) => isText(subject));
  return checked({
    timestamp: timestamp ?? null,
    service: "opa",
    event_type: "authorization",
    request_id: asked["request_id"] ?? null,
    ...(identity === undefined ? {} : { identity: { serial: "", ...identity } }),
    policy_id: textOr(said["policy_id"], textOr(path, "").replaceAll("/", ".")),
    decision: allow ? "allow" : "deny",
    reason: textOr(said["reason"], allow ? "allowed" : "denied"),
    ...given("method", asked["method"]),
    ...given("path", asked["path"]),
    ...given("verb", said["verb"]),
    ...given("decision_id", decisionId),
  });
}

function isAbsent(value: Json | undefined): value is null | undefined {
  return value === undefined || value === null;
}

/** What OPA's error for an undefined result begins with. */
const UNDEFINED = "undefined_document";

/** The code of the error that a decision ended in: a member of it, or what its text begins with, as on the console. */
function errorIn({ error }: Event): string | undefined {
  if (isAbsent(error)) return undefined;
  const code = typeof error === "string" ? /^\w+(?=:)/.exec(error)?.[0] : objectIn(error)["code"];
  return textOr(code, "unknown");
}

interface Answer {
  readonly allow: boolean;
  readonly said: Event;
}

function answerOf({ result }: Event): Answer | "contradiction" | undefined {
  if (typeof result === "boolean") return { allow: result, said: {} };
  const object = objectIn(result);
  const [allow, other = allow] = [object["allow"], object["allowed"]].filter((one) => !isAbsent(one));
  // which of the two the gateway went by is not known
  if (allow !== other) return "contradiction";
  if (typeof allow !== "boolean") return undefined;
  // what Envoy's plugin passes on of a decision
  const said = Object.hasOwn(object, "dynamic_metadata") ? objectIn(object["dynamic_metadata"]) : object;
  return { allow, said };
}

function isText(value: Json | undefined): value is string {
  return typeof value === "string" && value !== "";
}

function textOr(value: Json | undefined, otherwise: string): string {
  return isText(value) ? value : otherwise;
}

function given(name: string, value: Json | undefined): Event {
  return isText(value) ? { [name]: value } : {};
}
