import { type Answer, sameAnswer } from "./answer.ts";
import { type Attack, type Attempt, presenting, withoutIdentity } from "./attack.ts";
import { noCert } from "./attacks/no-cert.ts";
import { otherIdentity } from "./attacks/other-identity.ts";
import { selfSigned, selfSignedLeaf } from "./attacks/self-signed.ts";
import { hasOtherHello, serverAlert } from "./evidence.ts";
import type { Forgery } from "./identities/forgery.ts";
import type { Identity } from "./identities/identity.ts";
import type { KeyFamily } from "./key-family.ts";
import { withCookie } from "./protocols/http.ts";
import type { Met, MetAttack } from "./tried.ts";

/**
 * Clients without a valid certificate, and how they were met. A server that demands some certificate in the handshake
 * hears of nothing else from a client without one: what is asked in other ways is then asked with a stranger's, where
 * such a one comes as far as to ask.
 */
export interface Strangers {
  /** The attack's clients that come without a certificate, with a stranger's in place of none. */
  withCertificate(attack: Attack, attempts: readonly Attempt[]): Promise<Attempt[]>;
  /** What the client of that certificate was told that asked as the control does. */
  told(identity: Identity | undefined): Promise<Answer | undefined>;
}

/**
 * What came of strangers over the newest version of TLS. Where they are told the same over an older one, one
 * application answers both, and what it says to their other requests is asked for once.
 */
export interface NewestVersion {
  /** @param answer what the one that came as far as to ask was told; undefined where none did. The first call counts. */
  tell(answer: Answer | undefined): void;
  readonly told: Promise<Answer | undefined>;
  /** Whether an attack let somebody in, by its id. It is complete once it was told. */
  readonly accepted: Map<string, Promise<boolean>>;
}

export function newestVersion(): NewestVersion {
  let tell: NewestVersion["tell"] = () => {};
  const told = new Promise<Answer | undefined>((resolve) => (tell = resolve));
  return { tell, told, accepted: new Map() };
}

/**
 * @param running the attacks of the round, in its order
 * @param meet makes an attempt of its own, where none of those shows what is to be known
 */
export function strangers(
  { forgery, families }: { readonly forgery: Forgery; readonly families: readonly KeyFamily[] },
  running: () => ReadonlyMap<Attack, Promise<MetAttack>>,
  meet: (attack: Attack, attempt: Attempt) => Promise<Met>,
  isAccepted: (met: Met) => boolean,
  newest: NewestVersion & { readonly isThis: boolean },
): Strangers {
  const anyone = once(async (): Promise<Attempt | undefined> => {
    const [family] = families;
    return family && presenting(await selfSignedLeaf(forgery, family), selfSigned.id);
  });
  const asker = once(async (): Promise<Met | undefined> => {
    const forging = [...running()].filter(([attack]) => isForging(attack));
    for (const [{ id }, run] of forging) {
      const found = (await run).met.find((met) => cameToAsk(met) && !isAccepted(met));
      if (found !== undefined) return { ...found, attempt: { ...found.attempt, kind: id } };
    }
    const attempt = forging.length > 0 ? undefined : await anyone();
    const met = attempt && (await meet(selfSigned, attempt));
    return met !== undefined && cameToAsk(met) && !isAccepted(met) ? met : undefined;
  });
  const isToldElsewhere = async ({ id }: Attack): Promise<boolean> => {
    const answer = (await asker())?.encounter.answer;
    if (newest.isThis) newest.tell(answer);
    const told = newest.isThis || answer === undefined ? undefined : await newest.told;
    if (answer === undefined || told === undefined || !sameAnswer(answer, [told])) return false;
    return (await newest.accepted.get(id)) === false;
  };
  const nobody = once(async (): Promise<Met> => {
    const [met] = (await running().get(noCert))?.met ?? [];
    return met ?? meet(noCert, withoutIdentity("no-certificate"));
  });
  return {
    async withCertificate(attack, attempts) {
      const both: Attempt[] = [];
      for (const attempt of attempts) {
        if (attempt.byStrangers === undefined) continue;
        if (attempt.byStrangers === "who-ask" && (await isToldElsewhere(attack))) continue;
        const stranger = attempt.byStrangers === "always" ? await anyone() : (await asker())?.attempt;
        if (stranger !== undefined) both.push(as(stranger, attempt));
      }
      return both;
    },
    async told(identity) {
      const met = identity === undefined ? await nobody() : await asker();
      return met?.encounter.answer;
    },
  };
}

/** @param told what handed them out; undefined where there were none */
export function withCookies(attempt: Attempt, told: Answer | undefined): Attempt | undefined {
  const http = attempt.protocol?.http;
  if (http === undefined || told?.cookies === undefined || told.cookies.length === 0) return undefined;
  return { ...attempt, protocol: http.ask(withCookie(http.request, told.cookies)) };
}

function as(stranger: Attempt, attempt: Attempt): Attempt {
  const { byStrangers: _done, smaller, ...rest } = attempt;
  return {
    ...rest,
    kind: rest.kind === "" ? stranger.kind : `${stranger.kind}, ${rest.kind}`,
    identity: stranger.identity,
    // what answers to another ClientHello need not ask for the certificate
    presented: hasOtherHello(rest.presented) ? rest.presented : stranger.presented,
    ...(smaller && { smaller: () => smaller().map((one) => as(stranger, one)) }),
  };
}

/** Whether it presents what no service should take; a valid certificate of the wrong role is no stranger's. */
function isForging({ takesIdentity, weight, id }: Attack): boolean {
  return takesIdentity && weight !== "reported" && id !== otherIdentity.id;
}

/** It waited for a word about its certificate, and then asked. */
function cameToAsk({ attempt, encounter: { trace } }: Met): boolean {
  return (
    trace.asked && attempt.atOnce !== true && serverAlert(trace) === undefined && trace.seen.clientVerified
  );
}

function once<Made>(make: () => Promise<Made>): () => Promise<Made> {
  let made: Promise<Made> | undefined;
  return () => (made ??= make());
}
