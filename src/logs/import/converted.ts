import { type Event, lintRecord, parseObjects } from "../lint/event.ts";

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

/** The same of each object in a line that is a list of them. */
export function fromObjects(record: Buffer, convert: (object: Event) => Converted): readonly Converted[] {
  return parseObjects(record).map((parsed) =>
    "event" in parsed ? convert(parsed.event) : { fault: parsed.detail },
  );
}

/** A right event, or what is wrong with it. */
export function checked(event: Event): Converted {
  const [fault] = lintRecord(Buffer.from(JSON.stringify(event))).faults;
  if (fault === undefined) return { event };
  return { fault: fault.field === undefined ? fault.detail : `${fault.field}: ${fault.detail}` };
}
