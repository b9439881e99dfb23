import type { Json } from "../lint/canonical-json.ts";
import { type Event, objectIn } from "../lint/event.ts";
import { checked, type Converted, fromObject } from "./converted.ts";

/**
 * A line of the JSON access logs of our gateway templates. A gateway has to write something for what
 * it does not know: nginx an empty text, Envoy null or `-`. Such members are left out.
 */
export function gatewayEvent(record: Buffer): Converted {
  return fromObject(record, (object) => checked(withoutUnknown(object)));
}

function withoutUnknown({ identity, status, ...rest }: Event): Event {
  const who = known(objectIn(identity));
  const isStatus = typeof status === "number" || (typeof status === "string" && /^\d{3}$/.test(status));
  return {
    ...known(rest),
    ...(Object.keys(who).length > 0 ? { identity: { subject: "", serial: "", ...who } } : {}),
    ...(isStatus ? { status: Number(status) } : {}),
  };
}

const UNKNOWN: readonly (Json | undefined)[] = ["", "-", null];

function known(event: Event): Event {
  return Object.fromEntries(Object.entries(event).filter(([, value]) => !UNKNOWN.includes(value)));
}
