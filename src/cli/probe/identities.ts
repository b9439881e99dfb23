import { createHash } from "node:crypto";
import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { privateKeyPem } from "../../pki/key-file.ts";
import { keySigner } from "../../pki/keys.ts";
import { encodePem } from "../../pki/pem.ts";
import { type Certificate, isSelfIssued } from "../../pki/verify/certificate.ts";
import { MAX_CERTIFICATE_FILE, readCertificates } from "../../pki/verify/pem.ts";
import { attackNamed } from "../../probe/attacks.ts";
import { forgery, type ForgeryMaterial, issueClient } from "../../probe/identities/forgery.ts";
import { hasIssued, type SigningCa } from "../../probe/identities/issuer.ts";
import { type Identity, readIdentity } from "../../probe/identities/identity.ts";
import type { ProbeRequest } from "../../probe/run.ts";
import type { Cli } from "../command.ts";
import { type DevCa, devSigningCa, issueAs, issueControl, openDevCa } from "./dev-ca.ts";
import type { ProbeFlags } from "./flags.ts";
import { keyFiles, type ReadKey } from "./key-files.ts";

/**
 * Who connects, and what is trusted: from flags, otherwise from the project's dev CA.
 * @throws FleetsecError `usage` for half of a pair, `input` for files that do not fit together, `passphrase` for a key
 *   that is encrypted
 */
export async function identitiesFor(
  cli: Cli,
  flags: ProbeFlags,
): Promise<Pick<ProbeRequest, "forgery" | "supplied" | "serverCa" | "certificates">> {
  const readKey = keyFiles(cli, flags);
  const supplied = await suppliedIdentities(cli, flags.identity ?? [], readKey);
  const givenClient = await clientOf(cli, flags, readKey);
  const clientCas = clientCasOf(cli, flags);
  const givenCa = await clientCaOf(flags, clientCas, readKey);
  if (
    givenClient !== undefined &&
    clientCas.length > 0 &&
    !(givenCa === undefined ? clientCas : [givenCa.certificate]).some((ca) => hasIssued(ca, givenClient))
  ) {
    throw new FleetsecError("input", `${flags.clientCa} did not issue ${flags.clientCert}`, {
      hint: "name the CA that did: forgeries of another one are refused for the wrong reason",
    });
  }
  const devCa = await openDevCa(cli, flags);
  const { clock, random } = cli.platform;
  const parts = { random, now: clock.now() };
  const material =
    givenClient === undefined
      ? await issuedClient(cli, parts, givenCa, devCa)
      : { client: givenClient, reissue: undefined };
  const ca = givenCa ?? (await devCaBehind(cli, material.client, devCa));
  const serverCas = givenCa === undefined || devCa === undefined ? [] : await unlocked(cli, devCa);
  return {
    forgery: forgery({
      ...parts,
      ...material,
      ...issueAsRole(cli, givenCa, ca, devCa),
      ca,
      serverCas,
      clientCas: clientCas.map(({ der }) => der),
    }),
    supplied,
    serverCa: serverCaOf(cli, flags, devCa),
    certificates: [
      ...(givenClient === undefined ? [] : [told("client", givenClient.chain[0])]),
      ...clientCas.slice(0, 1).map((one) => told("client CA", one)),
      ...[...supplied].map(([id, { chain }]) => told(id, chain[0])).toSorted(),
    ],
  };
}

/** By which shards of one run are known to have had the same. */
function told(use: string, { der }: Certificate): string {
  return `${use} sha256:${createHash("sha256").update(der).digest("hex")}`;
}

/** A valid client from the CA that is at hand; none without one. */
async function issuedClient(
  cli: Cli,
  parts: Pick<ForgeryMaterial, "random" | "now">,
  givenCa: SigningCa | undefined,
  devCa: DevCa | undefined,
): Promise<Pick<ForgeryMaterial, "client" | "reissue">> {
  const issue: ForgeryMaterial["reissue"] =
    givenCa !== undefined
      ? (family) => issueClient(givenCa, family, parts)
      : devCa && ((family) => issueControl(cli, devCa, family));
  if (issue === undefined) {
    cli.output.warn("there is no valid client to compare with: name one with --client-cert and --client-key");
  }
  return { client: await issue?.("p256"), reissue: issue };
}

/** Valid clients of the project's roles, where the valid client is of the same CA: those of another prove nothing. */
function issueAsRole(
  cli: Cli,
  givenCa: SigningCa | undefined,
  ca: SigningCa | undefined,
  devCa: DevCa | undefined,
): Pick<ForgeryMaterial, "issueAs"> {
  if (givenCa !== undefined || ca === undefined || devCa === undefined) return {};
  return { issueAs: (role, family) => issueAs(cli, devCa, role, family) };
}

/** The dev CA for forgeries, where it issued the valid client; those of another CA would prove nothing. */
async function devCaBehind(
  cli: Cli,
  client: Identity | undefined,
  devCa: DevCa | undefined,
): Promise<SigningCa | undefined> {
  if (client === undefined || devCa === undefined || !hasIssued(devCa.authority.current.issuing, client))
    return undefined;
  return (await unlocked(cli, devCa))[0];
}

/** The dev CA, where its key can be had; what needs it is not run otherwise. */
async function unlocked(cli: Cli, devCa: DevCa): Promise<SigningCa[]> {
  try {
    return [await devSigningCa(devCa)];
  } catch (error) {
    if (!(error instanceof FleetsecError) || error.code !== "passphrase") throw error;
    cli.output.warn(`forgeries of the dev CA are left out: ${error.message}`);
    return [];
  }
}

/** What servers' certificates may come from: the file alone, or the dev CA and what this machine trusts. */
function serverCaOf(
  { platform }: Cli,
  { serverCa }: ProbeFlags,
  devCa: DevCa | undefined,
): readonly string[] {
  if (serverCa === undefined) {
    const roots = (devCa?.authority.trusted ?? []).map(({ root }) => encodePem("CERTIFICATE", root.der));
    return [...roots, ...platform.network.rootCertificates];
  }
  const path = resolve(platform.cwd, serverCa);
  return readCertificates(platform.files.read(path, MAX_CERTIFICATE_FILE), serverCa).map(({ der }) =>
    encodePem("CERTIFICATE", der),
  );
}

async function clientOf(
  cli: Cli,
  { clientCert, clientKey }: ProbeFlags,
  readKey: ReadKey,
): Promise<Identity | undefined> {
  const pair = pairOf(clientCert, "--client-cert", clientKey, "--client-key");
  return pair && identityIn(cli, ...pair, readKey);
}

/** What `--client-ca` holds, the issuing CA first: certificates are no secret, and are of use without the key. */
function clientCasOf({ platform }: Cli, { clientCa }: ProbeFlags): Certificate[] {
  if (clientCa === undefined) return [];
  return readCertificates(
    platform.files.read(resolve(platform.cwd, clientCa), MAX_CERTIFICATE_FILE),
    clientCa,
  );
}

async function clientCaOf(
  { clientCa, clientCaKey }: ProbeFlags,
  path: readonly Certificate[],
  readKey: ReadKey,
): Promise<SigningCa | undefined> {
  if (clientCaKey === undefined) return undefined;
  const [caFile, keyFile] = pairOf(clientCa, "--client-ca", clientCaKey, "--client-ca-key") ?? [];
  const [certificate] = path;
  const signer = keySigner(await readKey(clientCaKey));
  if (certificate === undefined || Buffer.compare(certificate.spki, signer.spki) !== 0) {
    throw new FleetsecError("input", `${keyFile} is not the key of ${caFile}`, {
      hint: "name the CA's certificate and the key that belongs to it; the issuing CA comes first in its file",
    });
  }
  // roots are what servers have already
  const chain = path.filter((one) => !isSelfIssued(one));
  return { certificate, signer, chain: chain.map(({ der }) => der), path: path.map(({ der }) => der) };
}

async function suppliedIdentities(
  cli: Cli,
  texts: readonly string[],
  readKey: ReadKey,
): Promise<Map<string, Identity>> {
  const found = new Map<string, Identity>();
  // one after the other: a person may be asked for each
  for (const text of texts) {
    const [, id, certificate, key] = /^([a-z0-9-]+)=([^,]+),([^,]+)$/.exec(text) ?? [];
    if (id === undefined || certificate === undefined || key === undefined) {
      throw new FleetsecError("usage", `--identity is not ATTACK=CERT,KEY: ${text}`, {
        hint: "write it as --identity expired=old.pem,old.key",
      });
    }
    if (!attackNamed(id).takesIdentity) {
      throw new FleetsecError("usage", `${id} presents no certificate`, {
        hint: "see fleetsec probe --list",
      });
    }
    found.set(id, await identityIn(cli, certificate, key, readKey));
  }
  return found;
}

async function identityIn(
  { platform }: Cli,
  certificate: string,
  key: string,
  readKey: ReadKey,
): Promise<Identity> {
  const { files, cwd } = platform;
  const certificates = files.read(resolve(cwd, certificate), MAX_CERTIFICATE_FILE);
  return readIdentity(certificates, privateKeyPem(await readKey(key)), { certificate, key });
}

/** Both or neither. */
function pairOf(
  first: string | undefined,
  firstFlag: string,
  second: string | undefined,
  secondFlag: string,
): readonly [string, string] | undefined {
  if (first !== undefined && second !== undefined) return [first, second];
  if (first === undefined && second === undefined) return undefined;
  const [present, missing] = first === undefined ? [secondFlag, firstFlag] : [firstFlag, secondFlag];
  throw new FleetsecError("usage", `${present} needs ${missing} beside it`);
}
