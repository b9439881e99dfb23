import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { generalizedTime, integer, nullValue, octetString, oid, sequence } from "../../src/pki/der/write.ts";
import { oids } from "../../src/pki/oids.ts";

/** A time-stamping authority made with OpenSSL: a root, and certificates right and wrong for it. */
export interface TimestampAuthority {
  /** A file beside the authority's. */
  path(name: string): string;
  /** Answers a TimeStampReq, as `openssl ts` does. */
  reply(query: Uint8Array): Buffer;
  /** A token over data that a certificate of that name signs, whatever it is for (`openssl cms`). */
  token(data: Uint8Array, options?: TokenOptions): Buffer;
  /** Runs OpenSSL in the authority's directory. */
  run(...args: string[]): string;
}

export interface TokenOptions {
  /** `tsa` unless told. */
  readonly certificate?: string;
  /** Milliseconds since the epoch; now unless told. */
  readonly time?: number;
  /** Whether the token names its certificate (CAdES does); unless told, it does. */
  readonly named?: boolean;
  readonly contentType?: string;
  readonly digest?: string;
}

const LEAF = "basicConstraints=critical,CA:false\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n";
const USAGE = "keyUsage=critical,digitalSignature\n";

/** Extensions by the name of the certificate. */
const CERTIFICATES = {
  tsa: `${LEAF}${USAGE}extendedKeyUsage=critical,timeStamping\n`,
  plain: `${LEAF}${USAGE}`,
  uncritical: `${LEAF}${USAGE}extendedKeyUsage=timeStamping\n`,
  both: `${LEAF}${USAGE}extendedKeyUsage=critical,timeStamping,clientAuth\n`,
  server: `${LEAF}${USAGE}extendedKeyUsage=critical,serverAuth\n`,
  crypt: `${LEAF}keyUsage=critical,keyEncipherment\nextendedKeyUsage=critical,timeStamping\n`,
} as const;

export function timestampAuthority(openssl: string, directory: string): TimestampAuthority {
  const path = (name: string) => join(directory, name);
  const run = (...args: string[]) =>
    execFileSync(openssl, args, { cwd: directory, encoding: "utf8", stdio: "pipe" });
  const key = (name: string) =>
    run("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", `${name}.key`);
  for (const root of ["root", "other"]) {
    key(root);
    const ca = [
      "basicConstraints=critical,CA:true",
      "keyUsage=critical,keyCertSign,cRLSign",
      "subjectKeyIdentifier=hash",
    ];
    const subject = ["-subj", `/CN=TSA ${root}`, "-days", "10", "-out", `${root}.pem`];
    const extensions = ca.flatMap((extension) => ["-addext", extension]);
    run("req", "-x509", "-new", "-key", `${root}.key`, ...subject, ...extensions);
  }
  const certificate = (name: string, extensions: string, root = "root") => {
    key(name);
    writeFileSync(path(`${name}.ext`), extensions);
    run("req", "-new", "-key", `${name}.key`, "-subj", `/CN=${name}`, "-out", `${name}.csr`);
    const issuer = ["-CA", `${root}.pem`, "-CAkey", `${root}.key`, "-CAcreateserial"];
    run(
      "x509",
      "-req",
      "-in",
      `${name}.csr`,
      ...issuer,
      "-days",
      "5",
      "-extfile",
      `${name}.ext`,
      "-out",
      `${name}.pem`,
    );
  };
  for (const [name, extensions] of Object.entries(CERTIFICATES)) certificate(name, extensions);
  certificate("stranger", CERTIFICATES.tsa, "other");
  writeFileSync(
    path("ts.cnf"),
    "[tsa]\ndefault_tsa = one\n[one]\nserial = tsserial\nsigner_digest = sha256\ndefault_policy = 1.2.3.4\ndigests = sha256, sha512\ness_cert_id_alg = sha256\nordering = no\ntsa_name = yes\n",
  );
  const reply = (query: Uint8Array) => {
    writeFileSync(path("query"), query);
    const signer = ["-signer", "tsa.pem", "-inkey", "tsa.key", "-chain", "root.pem"];
    run(
      "ts",
      "-reply",
      "-config",
      "ts.cnf",
      "-section",
      "one",
      "-queryfile",
      "query",
      ...signer,
      "-out",
      "reply",
    );
    return readFileSync(path("reply"));
  };
  const token = (data: Uint8Array, options: TokenOptions = {}) => {
    const { certificate: name = "tsa", time = Date.now(), named = true } = options;
    writeFileSync(path("info"), tstInfo(data, time));
    const signer = ["-signer", `${name}.pem`, "-inkey", `${name}.key`, "-md", options.digest ?? "sha256"];
    const form = ["-binary", "-nodetach", "-nosmimecap", "-outform", "DER", ...(named ? ["-cades"] : [])];
    const type = options.contentType ?? "1.2.840.113549.1.9.16.1.4";
    run("cms", "-sign", "-in", "info", ...signer, ...form, "-econtent_type", type, "-out", "token");
    return readFileSync(path("token"));
  };
  return { path, reply, token, run };
}

function tstInfo(data: Uint8Array, time: number): Uint8Array {
  const digest = createHash("sha256").update(data).digest();
  const imprint = sequence(sequence(oid(oids.sha256), nullValue()), octetString(digest));
  return sequence(integer(1), oid("1.2.3.4"), imprint, integer(7), generalizedTime(time));
}
