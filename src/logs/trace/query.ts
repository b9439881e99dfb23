import type { Json } from "../lint/canonical-json.ts";
import type { Event } from "../lint/event.ts";
import { isAbout, isSerial, textOfName } from "./identity.ts";

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
  if ("vehicle" in query) return [query.vehicle];
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

/** A command to the vehicle, an event that names it, or a request to a path below it. */
function concerns(event: Event, vehicle: string): boolean {
  const { vehicles, path } = event;
  const named = [event["vehicle"], ...(Array.isArray(vehicles) ? (vehicles as readonly Json[]) : [])];
  if (named.some((one) => isId(one, vehicle))) return true;
  const segments = typeof path === "string" ? path.split("?", 1)[0]?.split("/") : undefined;
  return segments?.some((segment, i) => segment === vehicle && segments[i - 1] === "vehicles") === true;
}

/** Some services write ids as numbers; one that no double holds is read as the nearest that does. */
function isId(value: Json | undefined, text: string): boolean {
  return value === text || (typeof value === "number" && value === Number(text));
}
