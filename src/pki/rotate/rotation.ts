import type { ErrorCode } from "../../errors.ts";
import type { Platform } from "../../platform/platform.ts";
import type { PkiSettings } from "../authority.ts";
import type { Issuer } from "../issuers/issuer.ts";
import type { CurrentCertificate } from "../renew.ts";
import type { Role } from "../roles.ts";
import type { PkiPlatform } from "../state.ts";
import type { EventSink, Step } from "./event.ts";

export interface Rotating {
  readonly platform: PkiPlatform & Pick<Platform, "exec" | "network" | "signal">;
  readonly issuer: Issuer;
  readonly settings: PkiSettings;
  /** A role as it is configured now. @throws FleetsecError where there is none */
  readonly role: (name: string) => Role;
  readonly emit: EventSink;
}

/** What became of one certificate. */
export type Rotation =
  | (InUse & { readonly outcome: "not-due" })
  /** Renewed, and where a service is configured, taken up by it. */
  | (InUse & { readonly outcome: "renewed" })
  /** Not renewed: its service, which an earlier attempt did not reach, has taken it up now. */
  | (InUse & { readonly outcome: "told" })
  /** The service did not take up the new certificate: the one before is in use again. */
  | (InUse & { readonly outcome: "rolled-back"; readonly rejected: string; readonly reason: string })
  /** The service did not take it up and it stays: the service is to be told again. */
  | (InUse & { readonly outcome: "incomplete"; readonly reason: string })
  /** Nothing was renewed. */
  | {
      readonly outcome: "failed";
      readonly name: string;
      readonly code: ErrorCode;
      readonly reason: string;
      readonly hint: string | undefined;
    };

/** Whether nothing is left to be done for the certificate until it is due. */
export function isSettled({ outcome }: Rotation): boolean {
  return outcome === "renewed" || outcome === "told" || outcome === "not-due";
}

interface InUse {
  readonly name: string;
  /** The one in use afterwards. */
  readonly certificate: CurrentCertificate;
  /** Other names that use its key in a token. Looked for where it was renewed. */
  readonly sharesKeyWith?: readonly string[];
}

/** An attempt at one certificate, all of whose steps are told under one request id. */
export interface Attempting extends Rotating {
  readonly tell: (step: Step) => void;
}
