import { FleetsecError } from "../../errors.ts";
import { type Authority, generationsIn, type PkiSettings } from "../authority.ts";
import { BACKDATE } from "../profiles.ts";
import type { PkiPlatform } from "../state.ts";
import { isIssuerOf, type OcspIssuer, ocspIssuers } from "./issuers.ts";
import { type OcspRequest, parseOcspRequest } from "./request.ts";
import { buildOcspResponse, errorResponse, type OcspError } from "./response.ts";

export interface ResponderOptions {
  /** Opens the CA; again when its generations have changed. */
  readonly open: () => Promise<Authority>;
  readonly settings: PkiSettings;
  /** Seconds that an answer may be relied on. */
  readonly validity: number;
  /** Told of what keeps it from answering: once for as long as it stays the same. */
  readonly onFault: (error: Error) => void;
}

export interface OcspAnswer {
  /** DER of an OCSPResponse. */
  readonly der: Uint8Array;
  /** For how long the answer may be kept by caches; undefined where it must not be. */
  readonly cache: { readonly producedAt: number; readonly nextUpdate: number } | undefined;
}

export interface Responder {
  /**
   * Makes what it signs with, which is in the inventory then: for a caller that listens already.
   * @throws FleetsecError where a signer cannot be made
   */
  ready(): Promise<void>;
  /** Answers a DER OCSPRequest, whatever it holds; never throws for what comes from outside. */
  respond(request: Uint8Array): Promise<OcspAnswer>;
}

/**
 * An OCSP responder (RFC 6960) over a project's CA. Every answer is made from the inventory as it is
 * then, so a revocation is in the next one. Nothing is made before `ready` or the first request.
 * @throws FleetsecError where the CA cannot be opened
 */
export async function openResponder(platform: PkiPlatform, options: ResponderOptions): Promise<Responder> {
  const issuersNow = await issuerSource(platform, options);
  const report = faultReporter(options);
  return {
    async ready() {
      for (const { signer } of await issuersNow()) await signer();
    },
    async respond(der) {
      try {
        const request = readRequest(der);
        if (request === undefined) return refusal("malformedRequest");
        const answer = await answerTo(request, await issuersNow(), platform, options);
        report(undefined);
        return answer;
      } catch (error) {
        report(error);
        // a bug, too, must not end the answers for everybody else
        return refusal(error instanceof FleetsecError ? "tryLater" : "internalError");
      }
    },
  };
}

/** Undefined for what is none. */
function readRequest(der: Uint8Array): OcspRequest | undefined {
  try {
    return parseOcspRequest(der);
  } catch (error) {
    if (error instanceof FleetsecError) return undefined;
    throw error;
  }
}

/** The CAs as they are on disk now. Looking costs one listing and, where nothing was issued, no reading. Nothing
 * is answered from an inventory that is damaged. */
async function issuerSource(
  platform: PkiPlatform,
  { open, settings }: ResponderOptions,
): Promise<() => Promise<readonly OcspIssuer[]>> {
  const load = async () => {
    const authority = await open();
    return { authority, issuers: ocspIssuers(platform, authority, settings) };
  };
  let loaded = await load();
  return async () => {
    const { authority } = loaded;
    const numbers = generationsIn(platform.files, authority.layout.authorities);
    if (numbers.join() !== authority.trusted.map(({ number }) => number).join()) loaded = await load();
    loaded.authority.inventory.refresh();
    return loaded.issuers;
  };
}

async function answerTo(
  { certIds, nonce }: OcspRequest,
  issuers: readonly OcspIssuer[],
  { clock }: PkiPlatform,
  { validity }: ResponderOptions,
): Promise<OcspAnswer> {
  const asked = certIds.map((id) => ({ id, issuer: issuers.find((issuer) => isIssuerOf(issuer, id)) }));
  const [issuer, other] = new Set(asked.flatMap((one) => one.issuer ?? []));
  // one signature cannot speak for two CAs, and for none there is nobody to sign (RFC 5019 section 2.2.3)
  if (issuer === undefined || other !== undefined) return refusal("unauthorized");
  const signer = await issuer.signer();
  const producedAt = clock.now();
  const nextUpdate = Math.min(producedAt + validity * 1000, signer.notAfter);
  const responses = asked.map(({ id, issuer: own }) => ({
    certId: id.der,
    status: own?.statusOf(id.serial) ?? { status: "unknown" as const },
  }));
  const der = await buildOcspResponse(
    { producedAt, thisUpdate: producedAt - BACKDATE, nextUpdate, responses, nonce },
    signer,
  );
  return { der, cache: nonce === undefined ? { producedAt, nextUpdate } : undefined };
}

function refusal(error: OcspError): OcspAnswer {
  return { der: errorResponse(error), cache: undefined };
}

function faultReporter({ onFault }: ResponderOptions): (error: unknown) => void {
  let last: string | undefined;
  return (error) => {
    const fault = error instanceof Error ? error : undefined;
    if (fault !== undefined && fault.message !== last) onFault(fault);
    last = fault?.message;
  };
}
