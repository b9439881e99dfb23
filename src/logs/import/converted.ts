import { type Event, lintRecord } from "../lint/event.ts";

/** What becomes of a line: an event, nothing, or a fault. */
export type Converted =
  | { readonly event: Event }
  | { readonly passedOver: true }
  | { readonly fault: string };

/** The line's JSON object as it is converted; its members are not judged. */
export function fromObject(record: Buffer, convert: (object: Event) => Converted): Converted {
  const { event, faults } = lintRecord(record);
  return event === undefined ? { fault: faults[0]?.detail ?? "the line is no event" } : convert(event);
}

/** A right event, or what is wrong with it. */
export function checked(event: Event): Converted {
  const [fault] = lintRecord(Buffer.from(JSON.stringify(event))).faults;
  if (fault === undefined) return { event };
  return { fault: fault.field === undefined ? fault.detail : `${fault.field}: ${fault.detail}` };
}
