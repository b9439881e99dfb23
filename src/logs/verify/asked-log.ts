import { FleetsecError } from "../../errors.ts";
import type { Anchor } from "./anchors.ts";
import type { Kept } from "./kept.ts";
import type { VerifyRequest } from "./verification.ts";

/** The log that the trust file names, where it names one only. */
export function soleOrigin({ trust }: VerifyRequest): string | undefined {
  const names = new Set(trust.logs.map(({ name }) => name));
  return names.size === 1 ? [...names][0] : undefined;
}

/** The auditor's own checkpoint, as an anchor. */
export function anchorOf({ checkpoint, path }: Kept): Anchor {
  const { origin, size, root, note } = checkpoint;
  return { kind: "kept", source: path, origin, size, root, note: () => note };
}

/**
 * The anchors that are of that log.
 * @throws FleetsecError `input` where there are some, and none of them is
 */
export function anchorsOf({ anchors }: VerifyRequest, origin: string | undefined): readonly Anchor[] {
  const own = anchors.filter((anchor) => anchor.origin === origin);
  if (own.length > 0 || anchors.length === 0) return own;
  throw new FleetsecError("input", "none of the anchors is a checkpoint of this log", {
    hint: "name a checkpoint of the log that is verified",
  });
}
