import { type Event, objectIn } from "../lint/event.ts";

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
  return isSerial(query.identity) ? [] : [query.identity];
}

/** Whether an event is about what is asked for. */
export function matches(query: TraceQuery, event: Event): boolean {
  if ("requestId" in query) return event["request_id"] === query.requestId;
  if ("identity" in query) return isAbout(event, query.identity);
  return concerns(event, query.vehicle);
}

/** The identity's subject, a common name in it, or its serial; or who asked for a command. */
function isAbout(event: Event, name: string): boolean {
  const { subject, serial } = objectIn(event["identity"]);
  if (subject === name || event["requested_by"] === name) return true;
  if (typeof subject === "string" && subject.split(",").includes(`CN=${name}`)) return true;
  if (serial === name) return true;
  return typeof serial === "string" && isSerial(name) && plainSerial(serial) === plainSerial(name);
}

/** Serials are written in many ways: with colons, leading zeros or 0x, in either case. */
export function plainSerial(serial: string): string {
  return serial.replace(/^0x/i, "").replaceAll(":", "").replace(/^0+/, "").toLowerCase();
}

/** Whether a text can be a serial number in one of these ways. */
export function isSerial(text: string): boolean {
  return /^[0-9a-f]{1,64}$/.test(plainSerial(text));
}

/** A command to the vehicle, an event that names it, or a request to a path below it. */
function concerns(event: Event, vehicle: string): boolean {
  const { vehicles, path } = event;
  if (event["vehicle"] === vehicle || (Array.isArray(vehicles) && vehicles.includes(vehicle))) return true;
  const segments = typeof path === "string" ? path.split("?", 1)[0]?.split("/") : undefined;
  return segments?.some((segment, i) => segment === vehicle && segments[i - 1] === "vehicles") === true;
}
