import type { Json } from "../lint/canonical-json.ts";
import { type Event, objectIn } from "../lint/event.ts";
import { isSerial } from "../lint/certificate.ts";
import { isAbout, textOfName } from "./identity.ts";

/** Whose events are wanted. */
export type TraceQuery =
  | { readonly requestId: string }
  | { readonly identity: string }
  | { readonly vehicle: string };

/**
 * Texts of which a matching record contains one, unless the record has escapes; none where it may be
 * written in other ways.
 */
export function needlesOf(query: TraceQuery): readonly string[] {
  if ("requestId" in query) return [query.requestId];
  // a path can have any of its characters percent-encoded
  if ("vehicle" in query) return [query.vehicle, "%"];
  const text = isSerial(query.identity) ? "" : textOfName(query.identity);
  return text === "" ? [] : [text];
}

/** Whether an event is about what is asked for. */
export function matches(query: TraceQuery, event: Event): boolean {
  if ("requestId" in query) return isId(event["request_id"], query.requestId);
  if ("identity" in query) return isAbout(event, query.identity);
  return concerns(event, query.vehicle);
}

/** The request that an event belongs to; the same whether its id is written as a text or as a number. */
export function requestOf({ request_id: id }: Event): string | undefined {
  return (typeof id === "string" && id !== "") || typeof id === "number" ? String(id) : undefined;
}

/** A command to the vehicle, an event that names it, or a request to a path below it (docs/log-format.md, "Vehicles"). */
function concerns({ vehicle: named, vehicle_id: id, vehicles, path }: Event, vehicle: string): boolean {
  if ([named, id, vehicles].flatMap(idsIn).some((one) => isId(one, vehicle))) return true;
  const segments = typeof path === "string" ? path.split(/[?#]/, 1)[0]?.split("/").map(decoded) : undefined;
  return segments?.some((segment, i) => segment === vehicle && segments[i - 1] === "vehicles") === true;
}

/** Of an id, an object that has one, or a list of these. */
function idsIn(value: Json | undefined): Json[] {
  const items = Array.isArray(value) ? (value as readonly Json[]) : [value ?? null];
  return items.flatMap((item) => [item, objectIn(item)["id"] ?? null, objectIn(item)["vehicle_id"] ?? null]);
}

/** A segment of a path (RFC 3986 section 2.1), as it stands where it is not encoded rightly. */
function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Some services write ids as numbers; one that no double holds is read as the nearest that does. */
function isId(value: Json | undefined, text: string): boolean {
  return value === text || (typeof value === "number" && value === Number(text));
}
