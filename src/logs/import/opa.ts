import type { Json } from "../lint/canonical-json.ts";
import { type Event, objectIn } from "../lint/event.ts";
import { checked, type Converted, fromObject } from "./converted.ts";

/** What OPA's console marks its decision log with; everything else there is OPA's own log. */
const DECISION = "openpolicyagent.org/decision_logs";

/**
 * A line of OPA's decision log as an authorization event. A decision is true, false, or an object
 * with `allow` (or Envoy's `allowed`) and, as in our policy, its id, reason and identity. Where the
 * result is undefined there is no decision: our gateways then ask for `denial`, which has one.
 * @see https://www.openpolicyagent.org/docs/management-decision-logs
 */
export function opaEvent(record: Buffer): Converted {
  return fromObject(record, (line) => {
    if (line["type"] === DECISION || Object.hasOwn(line, "decision_id")) return decisionEvent(line);
    const isOwn = Object.hasOwn(line, "level") && Object.hasOwn(line, "msg");
    return isOwn ? { passedOver: true } : { fault: "the line is no entry of OPA's decision log" };
  });
}

function decisionEvent({ input, result, path, timestamp, decision_id: decisionId }: Event): Converted {
  if (result === undefined || result === null) return { passedOver: true };
  const answer = answerOf(result);
  if (answer === undefined) return { fault: "result: wants true, false, or an object with allow" };
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

function answerOf(result: Json): { readonly allow: boolean; readonly said: Event } | undefined {
  if (typeof result === "boolean") return { allow: result, said: {} };
  const object = objectIn(result);
  const allow = object["allow"] ?? object["allowed"];
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
