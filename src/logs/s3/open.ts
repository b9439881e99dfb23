import type { Files } from "../../platform/files.ts";
import type { Network } from "../../platform/network.ts";
import { patient } from "../../platform/patient-http.ts";
import type { Clock } from "../../platform/platform.ts";
import { s3Bucket, type S3Bucket } from "./client.ts";
import { s3Access } from "./credentials.ts";
import type { S3Location } from "./location.ts";

export interface S3Parts {
  readonly files: Files;
  readonly network: Network;
  readonly clock: Clock;
  readonly signal: AbortSignal;
  /** Where credentials are looked for. */
  readonly env: Readonly<Record<string, string | undefined>>;
}

/** @throws FleetsecError `usage` where there are no credentials; no request is made yet */
export function openBucket({ bucket }: Pick<S3Location, "bucket">, parts: S3Parts): S3Bucket {
  const access = s3Access(parts.env, parts.files);
  return s3Bucket(bucket, access, patient(parts.network, parts.clock), parts.clock, parts.signal);
}
