import type { Identity } from "./identity.ts";

/** An audit event of the gateway, in the form of the signed log (docs/log-format.md). */
export interface GatewayEvent {
  readonly timestamp: string;
  readonly service: "fleetsec-gateway";
  readonly event_type: "authentication" | "authorization";
  readonly request_id: string;
  readonly identity?: {
    readonly subject: string;
    readonly serial: string;
    readonly roles: readonly string[];
    /** Of the certificate's DER, in lower-case hex; of an authentication. */
    readonly sha256?: string;
  };
  readonly remote_address?: string;
  /** Of an authentication. */
  readonly result?: "success" | "failure";
  /** Of an authorization. */
  readonly policy_id?: string;
  readonly decision?: "allow" | "deny";
  readonly reason?: string;
  readonly method?: string;
  readonly path?: string;
}

/** Takes an event and says whether it is on record: what is not must not happen. */
export type EventSink = (event: GatewayEvent) => boolean;

/** The part of an identity that an event records. */
export function identityRecord({ subject, serial, roles }: Identity): NonNullable<GatewayEvent["identity"]> {
  return { subject, serial, roles };
}
