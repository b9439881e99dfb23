import {
  createHash,
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
} from "node:crypto";
import { FleetsecError } from "../../../errors.ts";
import { readPrivateKey } from "../../key-file.ts";
import { keyTypeOf } from "../../keys.ts";

/** A key of a step-ca provisioner of type JWK. */
export interface ProvisionerKey {
  readonly privateKey: KeyObject;
  /** Its thumbprint (RFC 7638), which is what `step` names keys by. */
  readonly id: string;
}

export interface TokenClaims {
  /** The provisioner. */
  readonly issuer: string;
  readonly audience: string;
  readonly subject: string;
  readonly sans?: readonly string[];
  /** DER of the CSR that it is for: it is worth nothing with another. */
  readonly csr?: Uint8Array;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly id: string;
}

/** JWS algorithms by key type (RFC 7518 section 3.1, RFC 8037). */
const ALGORITHMS: Readonly<Record<string, readonly [name: string, hash: string | null]>> = {
  p256: ["ES256", "sha256"],
  p384: ["ES384", "sha384"],
  p521: ["ES512", "sha512"],
  ed25519: ["EdDSA", null],
};

/** The members that a thumbprint is made of, in their order (RFC 7638 section 3.2, RFC 8037 section 2). */
const THUMBPRINT_MEMBERS = { EC: ["crv", "kty", "x", "y"], OKP: ["crv", "kty", "x"] } as const;

/** Seconds. */
const LIFETIME = 300;

/** @throws FleetsecError `input` for a key that no JWK provisioner of ours has */
function provisionerKey(privateKey: KeyObject): ProvisionerKey {
  algorithmOf(privateKey);
  const jwk = createPublicKey(privateKey).export({ format: "jwk" });
  const members = jwk.kty === "EC" ? THUMBPRINT_MEMBERS.EC : THUMBPRINT_MEMBERS.OKP;
  const canonical = JSON.stringify(Object.fromEntries(members.map((name) => [name, jwk[name]])));
  return { privateKey, id: createHash("sha256").update(canonical).digest("base64url") };
}

/**
 * A provisioner's key from its file: PEM, or an unencrypted JWK as `step crypto jwk create` writes it.
 * @throws FleetsecError `input`
 */
export function readProvisionerKey(text: string, what: string): ProvisionerKey {
  return provisionerKey(text.trimStart().startsWith("{") ? readJwk(text, what) : readPrivateKey(text, what));
}

function readJwk(text: string, what: string): KeyObject {
  try {
    return createPrivateKey({ key: JSON.parse(text) as JsonWebKey, format: "jwk" });
  } catch {
    // the cause may quote the key
    throw new FleetsecError("input", `${what} holds no private JWK that can be read`, {
      hint: "decrypt it with step crypto jwk, or convert it with step crypto key format --pem",
    });
  }
}

/** The public half, as a provisioner of step-ca's configuration holds it (RFC 7517). */
export function publicJwk({ privateKey, id }: ProvisionerKey): Readonly<Record<string, string>> {
  const { kty = "", crv = "", x = "", y } = createPublicKey(privateKey).export({ format: "jwk" });
  const [alg] = algorithmOf(privateKey);
  return { use: "sig", kty, kid: id, crv, alg, x, ...(y === undefined ? {} : { y }) };
}

/** A one-time token as step-ca takes it: a JWT signed by the provisioner's key (RFC 7519). */
export function oneTimeToken({ privateKey, id }: ProvisionerKey, claims: TokenClaims): string {
  const [algorithm, hash] = algorithmOf(privateKey);
  const now = Math.floor(claims.now / 1000);
  const payload = {
    iss: claims.issuer,
    aud: claims.audience,
    sub: claims.subject,
    ...(claims.sans === undefined ? {} : { sans: claims.sans }),
    ...(claims.csr === undefined ? {} : { cnf: { "x5rt#S256": digest(claims.csr) } }),
    iat: now,
    nbf: now,
    exp: now + LIFETIME,
    jti: claims.id,
  };
  const signed = [{ alg: algorithm, kid: id, typ: "JWT" }, payload]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url"))
    .join(".");
  const signature = sign(hash, Buffer.from(signed), { key: privateKey, dsaEncoding: "ieee-p1363" });
  return `${signed}.${signature.toString("base64url")}`;
}

function digest(der: Uint8Array): string {
  return createHash("sha256").update(der).digest("base64url");
}

function algorithmOf(key: KeyObject): readonly [string, string | null] {
  const algorithm = ALGORITHMS[keyTypeOf(key)];
  if (algorithm !== undefined) return algorithm;
  throw new FleetsecError("input", "a provisioner's key is of a type that is not supported", {
    hint: "use a P-256 or Ed25519 key",
  });
}
