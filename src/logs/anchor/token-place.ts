import type { Network } from "../../platform/network.ts";
import { patient } from "../../platform/patient-http.ts";
import type { Clock } from "../../platform/platform.ts";
import type { Certificate } from "../../pki/verify/certificate.ts";
import { FleetsecError } from "../../errors.ts";
import { tokenPath } from "../layout.ts";
import { parseNote } from "../note.ts";
import type { LogStore } from "../store.ts";
import { requestToken } from "../timestamp/request.ts";
import { MAX_RESPONSE } from "../timestamp/response.ts";
import { verifyToken } from "../timestamp/verify-token.ts";
import type { PublishingPlace } from "./place.ts";

export interface TokenParts {
  readonly network: Network;
  readonly clock: Clock;
  readonly random: (length: number) => Uint8Array;
  readonly signal: AbortSignal;
}

/**
 * A time-stamping authority (RFC 3161), which publishes nothing: what it signs over a checkpoint is
 * kept in the store, where it proves that the checkpoint is no younger.
 */
export function tokenPlace(
  store: Pick<LogStore, "read" | "create">,
  { url, authorities }: { readonly url: URL; readonly authorities: readonly Certificate[] },
  parts: TokenParts,
): PublishingPlace {
  return {
    source: url.href,
    async publish({ note, size }) {
      const path = tokenPath(size);
      const text = Buffer.from(parseNote(Buffer.from(note)).text);
      const held = await store.read(path, MAX_RESPONSE);
      if (held !== undefined) {
        const verdict = verifyToken(held, text, authorities);
        if (verdict.ok) return { outcome: "present", at: path };
        throw new FleetsecError("refused", `${path} is there and does not hold: ${verdict.detail}`);
      }
      const send = patient(parts.network, parts.clock);
      const { response } = await requestToken(url, text, authorities, { ...parts, send });
      await store.create(path, response);
      return { outcome: "published", at: path };
    },
  };
}
