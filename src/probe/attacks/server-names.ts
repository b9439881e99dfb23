import { isDnsName } from "../../pki/verify/general-name.ts";
import { type Attack, type Attempt, type Scene, withHello } from "../attack.ts";
import { isAddress, serverNameOf } from "../endpoint.ts";
import { hostPort } from "../target.ts";
import { requestTo } from "../protocols/http.ts";
import { asOtherHost, asOtherRequest } from "../variant.ts";
import { everyName } from "./fixes.ts";

type Described = Pick<Attack, "id" | "title" | "reference" | "meaning" | "plan">;

/** A client without a certificate that asks the TLS layer for one name, and the service for another. */
function serverName(attack: Described): Attack {
  return { ...attack, fix: everyName, weight: "required", takesIdentity: false, versions: ["1.3", "1.2"] };
}

/**
 * The request is for the target, and then for the name that TLS was asked for: a virtual host for whoever
 * comes by another name, or by the address, may lead to the same service.
 */
function byName(scene: Scene, name: string, authority: string): Attempt[] {
  const { http } = scene.protocol;
  const forTarget = byAnyone(scene, name);
  if (http === undefined) return [forTarget];
  const protocol = http.ask({ ...http.request, authority });
  return [forTarget, { ...forTarget, protocol, revise: asOtherRequest, kind: `Host: ${authority}` }];
}

/** Without a certificate and with a stranger's: behind another name, the handshake may demand some certificate. */
function byAnyone({ protocol }: Scene, name: string, kind = ""): Attempt {
  const anyone: Attempt = { ...withHello({ serverName: name }, kind), byStrangers: "always" };
  return protocol.http === undefined ? anyone : { ...anyone, protocol, revise: asOtherHost };
}

const UNKNOWN = "fleetsec-probe.invalid";

const NO_NAME = "the valid client asks for no name either: an address has none";

/** More names than this are a certificate for much else, and each costs two connections. */
const MAX_NAMES = 4;

/**
 * Other names that the server's certificate is for, as it has them: each may lead to a virtual host that
 * serves the same. For a wildcard, one name that it covers.
 */
function otherNames({ serverCertificates: [leaf] }: Scene, known: readonly string[]): string[] {
  const names = (leaf?.subjectAltName ?? [])
    .flatMap((name) => (name.type === "dns" && isServerName(name.value) ? [name.value.toLowerCase()] : []))
    .map((name) => name.replace(/^\*/, "fleetsec-probe"));
  return [...new Set(names)].filter((name) => !known.includes(name)).slice(0, MAX_NAMES);
}

function byOtherName(scene: Scene, name: string): Attempt[] {
  const { authority } = requestTo({ ...scene.target, host: name });
  return byName(scene, name, authority).map((attempt) => ({
    ...attempt,
    kind: attempt.kind === "" ? `as ${name}` : `as ${name}, ${attempt.kind}`,
  }));
}

/** A target at the same address and port is asked under its name there. */
function neighbourNames({ target, address, serverName: own, others }: Scene): string[] {
  const neighbours = others.filter((other) => other.address === address && other.target.port === target.port);
  const names = neighbours.map((other) => serverNameOf(other.target));
  return [...new Set(names)].filter((name) => name !== own && name !== "");
}

/** The host of the request, where TLS is asked for another name (`--servername`). */
function requestedName({ target: { host }, serverName: own }: Scene): string[] {
  return isServerName(host) && host !== own ? [host] : [];
}

function isServerName(name: string): boolean {
  return isDnsName(name) && !isAddress(name);
}

function oddSpellings(name: string): { readonly kind: string; readonly odd: string }[] {
  if (name === "") return [];
  return [
    { kind: "upper case", odd: name.toUpperCase() },
    { kind: "a dot at its end", odd: `${name}.` },
  ].filter(({ odd }) => odd !== name);
}

/** By which a client may come, and be led to another virtual host: none, an unknown one, odd ones, others of the server's. */
export function namesBeside(scene: Scene): string[] {
  const { serverName: own } = scene;
  const requested = requestedName(scene);
  const known = [own.toLowerCase(), ...requested, ...neighbourNames(scene)];
  const odd = oddSpellings(own).map((one) => one.odd);
  return [...(own === "" ? [] : [""]), UNKNOWN, ...odd, ...requested, ...otherNames(scene, known)];
}

export const sniHostMismatch = serverName({
  id: "sni-host-mismatch",
  title: "no certificate, asking TLS for another name of the server's",
  reference: "RFC 6066 section 3, RFC 9110 section 7.4",
  meaning: "the name in the ClientHello decides on the certificate, the one in the request on the service",
  async plan(scene) {
    const names = [...new Set([...requestedName(scene), ...neighbourNames(scene)])];
    const alike = otherNames(scene, [scene.serverName.toLowerCase(), ...names]);
    if (names.length + alike.length === 0) {
      const reason = "needs a target of another name at the same address and port, or a certificate with one";
      return { outcome: "not-run", reason };
    }
    return {
      attempts: [
        ...names.map((name) => byAnyone(scene, name, `as ${name}`)),
        ...alike.flatMap((name) => byOtherName(scene, name)),
      ],
    };
  },
});

export const noSni = serverName({
  id: "no-sni",
  title: "no certificate, and no server name",
  reference: "RFC 6066 section 3",
  meaning: "clients that name no server meet one that demands no certificate",
  plan: async (scene) =>
    scene.serverName === ""
      ? { outcome: "not-applicable", reason: NO_NAME }
      : {
          attempts: byName(scene, "", hostPort({ host: scene.address, port: scene.target.port })),
        },
});

export const unknownSni = serverName({
  id: "unknown-sni",
  title: "no certificate, asking TLS for an unknown name",
  reference: "RFC 6066 section 3",
  meaning: "clients that name an unknown server meet one that demands no certificate",
  plan: async (scene) => ({ attempts: byName(scene, UNKNOWN, UNKNOWN) }),
});

export const oddSni = serverName({
  id: "odd-sni",
  title: "no certificate, asking TLS for the name in an odd spelling",
  reference: "RFC 6066 section 3, RFC 4343",
  meaning: "a name in upper case or with a dot at its end leads past the server that demands a certificate",
  async plan(scene) {
    const { target, serverName: name } = scene;
    if (name === "") return { outcome: "not-applicable", reason: NO_NAME };
    const spellings = oddSpellings(name);
    if (spellings.length === 0) throw new RangeError(`no other spelling of ${hostPort(target)}`);
    return { attempts: spellings.map(({ kind, odd }) => byAnyone(scene, odd, kind)) };
  },
});

/** Each asks for another name in the ClientHello, and for nothing else there. */
export const serverNameAttacks: readonly Attack[] = [noSni, unknownSni, oddSni, sniHostMismatch];
