import type { Certificate } from "../pki/verify/certificate.ts";
import type { Presented } from "./evidence.ts";
import type { Resumable } from "./exchange.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import type { KeyFamily } from "./key-family.ts";
import type { Opening } from "./opening.ts";
import type { Protocol } from "./protocol.ts";
import type { Target } from "./target.ts";
import type { Revise } from "./variant.ts";
import type { WireIdentity } from "./wire/settings.ts";
import type { WireAttempt } from "./wire/attempt.ts";
import type { TlsVersion } from "./wire/versions.ts";

/** What to change so that the attack is refused, in the terms of each server. */
export interface Fix {
  readonly nginx: string;
  readonly envoy: string;
  readonly haproxy: string;
  readonly node: string;
  readonly go: string;
}

/** One way to try to be served without a valid certificate. A new one is one file and one line in `attacks.ts`. */
export interface Attack {
  /** As it is written in `--attack` and in reports. */
  readonly id: string;
  /** What the client presents, in a few words. */
  readonly title: string;
  /** The RFC section or CVE that says why it must be refused. */
  readonly reference: string;
  /** What it means when it is accepted, in one sentence. */
  readonly meaning: string;
  readonly fix: Fix;
  /**
   * `essential`: without its refusal nothing is enforced. `required`: its acceptance is a bypass.
   * `reported`: its acceptance is shown, and many servers allow it on purpose.
   */
  readonly weight: "essential" | "required" | "reported";
  /** Whether it presents a certificate, which the user may then supply. */
  readonly takesIdentity: boolean;
  /** The versions on which it is run; null stands for no TLS at all. */
  readonly versions: readonly (TlsVersion | null)[];
  /** What it presents depends on the target: nothing is shared with others behind the same listener. */
  readonly perTarget?: true;
  plan(scene: Scene): Promise<Plan>;
  /** What is tried with an identity that the user supplied, where that is not merely presented. */
  planWith?(identity: Identity, scene: Scene): Promise<Plan>;
}

/** What an attack can be made from, on one TLS version of one endpoint. */
export interface Scene {
  readonly forgery: Forgery;
  /** The key families that the server's CertificateRequest lists and we can forge in. */
  readonly families: readonly KeyFamily[];
  /** As the server sent them to the control. */
  readonly serverCertificates: readonly Certificate[];
  readonly target: Target;
  readonly address: string;
  /** The name that the control's ClientHello asks for; empty for none. */
  readonly serverName: string;
  /** The other listeners that are probed, one for each name, port and address. */
  readonly others: readonly Other[];
  /** How the control talks. */
  readonly protocol: Protocol;
  readonly version: TlsVersion | null;
}

/** A listener that is probed beside the one that is attacked. */
export interface Other {
  readonly target: Target;
  readonly address: string;
  /** A session that it gives to a client of that identity, for nobody else meanwhile; undefined where it gives none. */
  session(version: TlsVersion, identity: Identity | undefined): Promise<Borrowed | undefined>;
}

/** A session that is tried elsewhere than where it was given. */
export interface Borrowed {
  readonly session: Resumable;
  /** It may be tried at another place: nobody has taken it. */
  giveBack(): void;
}

/** One client to try. */
export interface Attempt {
  /** What sets it apart from the attack's other clients, beside the key; empty where nothing does. */
  readonly kind: string;
  /** The key family of what it presents; undefined where that is nothing of ours. */
  readonly family: KeyFamily | undefined;
  readonly presented: Presented;
  readonly identity: Identity | undefined;
  /** By the raw client, which sends this; by the TLS library otherwise. */
  readonly wire?: WireClientOf;
  /** How its ClientHello differs from the control's. */
  readonly hello?: HelloChanges;
  /** Resumes the session that this client is given before. */
  readonly resumes?: Before;
  /** How it talks, where that is not the control's way. */
  readonly protocol?: Protocol;
  /**
   * It asks together with its Finished, without waiting for a word of its certificate: what the server's TLS library
   * says of that, the server may hear only with its next read.
   */
  readonly atOnce?: boolean;
  /** What it says before TLS. */
  readonly opening?: Opening;
  /** Where it connects to, where that is not the target's port. */
  readonly port?: number;
  /** What the judgement comes to, as it asks otherwise than the control: a valid client is tried in the same way. */
  readonly revise?: Revise;
  /**
   * Whether it is tried with a stranger's certificate in place of none as well: where one comes as far as to ask,
   * or in any case, as its ClientHello may lead to a server of which nothing is known.
   */
  readonly byStrangers?: "who-ask" | "always" | undefined;
  /** It brings the cookies that it was handed out with its denial; where there were none, it is not made. */
  readonly bringsCookies?: true;
  /** The parts of one that is many in one: they are told apart where it is accepted, or a valid client is not served so. */
  readonly smaller?: () => readonly Attempt[];
}

/** Of the TLS library's ClientHello. */
export interface HelloChanges {
  /** Server name indication; empty for none. */
  readonly serverName?: string;
  /** TLS 1.2 and 1.3 are offered together. */
  readonly bothVersions?: boolean;
  /** Nothing is said of session tickets. */
  readonly withoutTickets?: boolean;
  /** OpenSSL's list of groups for key exchange. */
  readonly groups?: string;
  /** OpenSSL's list of suites. */
  readonly ciphers?: string;
  readonly psk?: { readonly identity: string; readonly key: Uint8Array };
}

/** Who is given the session: a client of the same endpoint, or of another one. */
export interface Before {
  readonly identity: Identity | undefined;
  readonly at?: Other;
  /** What it asks TLS for, where that is another name than the target's; empty for none. */
  readonly serverName?: string;
}

/** What the raw client sends, and whose certificate it has. */
export interface WireClientOf {
  readonly attempt: WireAttempt;
  readonly identity: WireIdentity | undefined;
}

/** The clients to try, or why there is none. */
export type Plan =
  | { readonly attempts: readonly Attempt[] }
  | { readonly outcome: "not-run" | "not-applicable" | "inconclusive"; readonly reason: string };

/** An attempt with an identity that has to be sent. */
export function presenting(identity: Identity, kind: string, family?: KeyFamily): Attempt {
  return { kind, family, presented: { certificate: identity.chain[0].der }, identity };
}

/** The same forgery in each family that the server lists. */
export async function inEachFamily(
  families: readonly KeyFamily[],
  forge: (family: KeyFamily) => Promise<Identity>,
  kind = "",
): Promise<Attempt[]> {
  return Promise.all(families.map(async (family) => presenting(await forge(family), kind, family)));
}

/** An attempt that presents nothing. */
export function withoutIdentity(presented: "no-certificate" | "no-tls"): Attempt {
  return { kind: "", family: undefined, presented, identity: undefined };
}

/** An attempt without a certificate, whose ClientHello is not the control's. */
export function withHello(hello: HelloChanges, kind = ""): Attempt {
  const presented = hello.serverName === undefined ? "other-hello" : "other-name";
  return { kind, family: undefined, presented, identity: undefined, hello };
}

/** An attempt without a certificate, in the session of another client. */
export function inSessionOf(before: Before, kind: string): Attempt {
  const presented = before.serverName === undefined ? "session" : "session-of-other-name";
  return { kind, family: undefined, presented, identity: undefined, resumes: before };
}

/** An attempt without a valid certificate that talks in a way of its own. */
export function asking(protocol: Protocol, kind: string): Attempt {
  return { ...withoutIdentity("no-certificate"), kind, protocol, byStrangers: "who-ask" };
}

/** An attempt without a certificate over a connection that is upgraded to TLS. */
export function upgrading(opening: Opening, kind: string): Attempt {
  return { ...withoutIdentity("no-certificate"), kind, opening };
}
