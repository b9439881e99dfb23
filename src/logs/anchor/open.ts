import { FleetsecError } from "../../errors.ts";
import type { Exec } from "../../platform/exec.ts";
import type { Files } from "../../platform/files.ts";
import type { Network } from "../../platform/network.ts";
import { patient } from "../../platform/patient-http.ts";
import type { Clock } from "../../platform/platform.ts";
import { filePlace } from "./file-place.ts";
import type { AnchorPlace } from "./place.ts";
import type { AnchorSource } from "./source.ts";

export interface AnchorParts {
  readonly files: Files;
  readonly exec: Exec;
  readonly network: Network;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Where credentials are looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** The place that a source names, to be read or published to. */
export async function openPlace(
  source: AnchorSource,
  parts: AnchorParts,
  retention: number,
): Promise<AnchorPlace> {
  switch (source.kind) {
    case "path":
      return filePlace(parts.files, source.source, source.path);
    case "git": {
      const { gitPlace } = await import("./git-place.ts");
      return gitPlace(source, parts);
    }
    case "http": {
      const { httpPlace } = await import("./http-place.ts");
      return httpPlace(patient(parts.network, parts.clock), source.url, tokenFor(source.url, parts.env));
    }
    case "s3": {
      const { openBucket } = await import("../s3/open.ts");
      const { s3Place } = await import("./s3-place.ts");
      return s3Place(source, openBucket(source, parts), parts.clock, retention);
    }
  }
}

/** @throws FleetsecError `refused` where it would go over the network in the clear */
function tokenFor(url: URL, env: AnchorParts["env"]): string | undefined {
  const token = env["FLEETSEC_ANCHOR_TOKEN"];
  if (token === undefined || token === "") return undefined;
  if (url.protocol === "https:" || /^(127\.0\.0\.1|\[::1\]|localhost)$/.test(url.hostname)) return token;
  throw new FleetsecError("refused", `FLEETSEC_ANCHOR_TOKEN is not sent to ${url.origin}: it is not https`);
}
