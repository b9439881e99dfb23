import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import type { Files } from "../../platform/files.ts";

export interface S3Access {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string | undefined;
  readonly region: string;
  /** A server of S3's protocol elsewhere than at AWS. */
  readonly endpoint: URL | undefined;
}

type Environment = Readonly<Record<string, string | undefined>>;

const MAX_PROFILE_FILE = 1 << 20;

/**
 * Access to S3 as the AWS tools find it: the variables AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and
 * AWS_SESSION_TOKEN, else the profile AWS_PROFILE (`default`) of the shared credentials file; the
 * region and the endpoint from AWS_REGION, AWS_DEFAULT_REGION, AWS_ENDPOINT_URL_S3 and AWS_ENDPOINT_URL.
 * @throws FleetsecError `usage` where there are no credentials
 */
export function s3Access(env: Environment, files: Files): S3Access {
  const of = (...names: readonly string[]) =>
    names.map((name) => env[name]).find((value) => value !== undefined && value !== "");
  const own = {
    id: of("AWS_ACCESS_KEY_ID"),
    secret: of("AWS_SECRET_ACCESS_KEY"),
    token: of("AWS_SESSION_TOKEN"),
  };
  const { id, secret, token } = own.id === undefined ? profileOf(env, files) : own;
  if (id === undefined || secret === undefined) {
    throw new FleetsecError("usage", "there are no credentials for S3", {
      hint: "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    });
  }
  const endpoint = of("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL");
  if (endpoint !== undefined && !(URL.canParse(endpoint) && /^https?:/i.test(endpoint))) {
    throw new FleetsecError("usage", `AWS_ENDPOINT_URL is no http:// or https:// URL: ${endpoint}`);
  }
  const region = of("AWS_REGION", "AWS_DEFAULT_REGION") ?? "us-east-1";
  if (!/^[a-z0-9-]{1,40}$/.test(region))
    throw new FleetsecError("usage", `AWS_REGION is no region: ${region}`);
  return {
    accessKeyId: id,
    secretAccessKey: secret,
    sessionToken: token,
    region,
    endpoint: endpoint === undefined ? undefined : new URL(endpoint),
  };
}

interface Keys {
  readonly id: string | undefined;
  readonly secret: string | undefined;
  readonly token: string | undefined;
}

function profileOf(env: Environment, files: Files): Keys {
  const home = env["HOME"] ?? "";
  const path = env["AWS_SHARED_CREDENTIALS_FILE"] ?? (home === "" ? "" : join(home, ".aws", "credentials"));
  if (path === "" || files.kind(path) === undefined)
    return { id: undefined, secret: undefined, token: undefined };
  const wanted = env["AWS_PROFILE"] ?? "default";
  const settings = new Map<string, string>();
  let section = "";
  for (const line of files.readText(path, MAX_PROFILE_FILE).split(/\r?\n/)) {
    const [, name] = /^\s*\[\s*([^\]]*?)\s*\]/.exec(line) ?? [];
    if (name !== undefined) section = name;
    const [, key, value] = /^\s*(aws_[a-z_]+)\s*=\s*(\S+)\s*$/.exec(line) ?? [];
    if (section === wanted && key !== undefined && value !== undefined) settings.set(key, value);
  }
  return {
    id: settings.get("aws_access_key_id"),
    secret: settings.get("aws_secret_access_key"),
    token: settings.get("aws_session_token"),
  };
}
