import { isoTime } from "../verify/time.ts";

export type RotationAction =
  | "rotation-started"
  | "rotation-stopped"
  | "configuration-reloaded"
  | "configuration-refused"
  | "certificate-renewed"
  | "key-shared"
  | "hook-done"
  | "hook-failed"
  | "serial-confirmed"
  | "serial-not-confirmed"
  | "certificate-rolled-back"
  | "rotation-incomplete"
  | "rotation-failed";

/** A step of a rotation as an audit event (docs/log-format.md, "Events"). Texts are not escaped. */
export interface RotationEvent {
  readonly timestamp: string;
  readonly service: "fleetsec-rotate";
  readonly event_type: "alert";
  /** The same for every step of one attempt. */
  readonly request_id: string;
  readonly severity: "info" | "warning" | "error";
  readonly action: RotationAction;
  readonly certificate?: string;
  /** Of the certificate that the step is about. */
  readonly identity?: { readonly subject: string; readonly serial: string };
  readonly not_after?: string;
  readonly previous_serial?: string;
  readonly endpoint?: string;
  /** The hook's program; its arguments may be nobody else's business. */
  readonly program?: string;
  readonly reason?: string;
  readonly retry_in_seconds?: number;
  readonly certificates?: number;
}

/** What a step says; the rest of an event is added to it. */
export type Step = Omit<RotationEvent, "timestamp" | "service" | "event_type" | "request_id">;

/** Takes an event. It must not throw: certificates are renewed whether or not somebody listens. */
export type EventSink = (event: RotationEvent) => void;

/** @param now milliseconds since the epoch */
export function rotationEvent(now: number, requestId: string, step: Step): RotationEvent {
  return {
    timestamp: isoTime(now),
    service: "fleetsec-rotate",
    event_type: "alert",
    request_id: requestId,
    ...step,
  };
}

export function newRequestId(random: (length: number) => Uint8Array): string {
  return Buffer.from(random(16)).toString("hex");
}
