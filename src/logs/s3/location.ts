import { FleetsecError } from "../../errors.ts";

/** A place in a bucket. */
export interface S3Location {
  /** As the user named it. */
  readonly source: string;
  readonly bucket: string;
  /** Without a slash at its end; empty for the whole bucket. */
  readonly prefix: string;
}

/** Whether the user means a place in S3, and no file. */
export function isS3(name: string): boolean {
  return /^s3:/i.test(name);
}

/**
 * @param what the place is to be, for the message
 * @throws FleetsecError `usage`
 */
export function parseS3Location(source: string, what: string): S3Location {
  const [, bucket, prefix = ""] =
    /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])(?:\/([A-Za-z0-9._/-]*))?$/.exec(source) ?? [];
  if (bucket === undefined || /(^|\/)\.{0,2}(\/|$)/.test(prefix.replace(/\/$/, "") || "-")) {
    throw new FleetsecError("usage", `${what} is not s3://BUCKET/PREFIX: ${source}`, {
      hint: "a bucket has small letters, digits, . and - in its name, a prefix letters, digits, and . _ - /",
    });
  }
  return { source, bucket, prefix: prefix.replace(/\/$/, "") };
}

/** The key of a path below the place. */
export function keyOf({ prefix }: S3Location, path: string): string {
  return prefix === "" ? path : `${prefix}/${path}`;
}

/** A key of its bucket, for a person. */
export function urlOf({ bucket }: Pick<S3Location, "bucket">, key: string): string {
  return `s3://${bucket}/${key}`;
}
