import { type Attack, type Attempt, type Before, inSessionOf, type Plan, type Scene } from "../attack.ts";
import { serverNameOf } from "../endpoint.ts";
import type { Identity } from "../identities/identity.ts";
import { hostPort } from "../target.ts";
import { asOtherHost } from "../variant.ts";
import { noBorrowedSessions } from "./fixes.ts";
import { selfSignedLeaf } from "./self-signed.ts";
import { namesBeside } from "./server-names.ts";

/**
 * Hosts behind one listener, and listeners that share the keys of their tickets or one cache of sessions, take over each
 * other's: whom a lax one lets in, the strict one takes for verified. A certificate that is right for another
 * host and not for this one can be supplied.
 */
export const resumeCrossHost: Attack = {
  id: "resume-cross-host",
  title: "no certificate, in a session of another name or target",
  reference: "CVE-2025-23419, CVE-2025-23048, CVE-2025-68121",
  meaning:
    "a session from a host or port that demands no certificate, or another one, opens the one that does",
  fix: noBorrowedSessions,
  weight: "required",
  takesIdentity: true,
  versions: ["1.3", "1.2"],
  plan: inSessions,
  async planWith(supplied, scene) {
    const { attempts } = await inSessions(scene);
    return { attempts: [...attempts, ...borrowed(scene, "the supplied one", supplied)] };
  },
};

async function inSessions(scene: Scene): Promise<Extract<Plan, { attempts: unknown }>> {
  const {
    forgery,
    families: [family],
  } = scene;
  const forged = family === undefined ? undefined : await selfSignedLeaf(forgery, family);
  return {
    attempts: [
      ...borrowed(scene, "", undefined),
      ...(forged === undefined ? [] : borrowed(scene, "a self-signed one", forged)),
    ],
  };
}

/** The sessions that a client of that identity is given elsewhere: under other names, and by other listeners. */
function borrowed(scene: Scene, certificate: string, identity: Identity | undefined): Attempt[] {
  const { others, serverName: own, protocol } = scene;
  const [comma, to] = certificate === "" ? ["", ""] : [", given", ` to ${certificate}`];
  const revise = protocol.http === undefined ? {} : { revise: asOtherHost };
  const from = (before: Omit<Before, "identity">, kind: string): Attempt => ({
    ...inSessionOf({ ...before, identity }, kind),
    ...(before.serverName === undefined ? {} : revise),
  });
  return [
    ...namesBeside(scene).map((serverName) =>
      from({ serverName }, `given under ${serverName === "" ? "no name" : serverName}${to}`),
    ),
    ...others.map((at) => {
      const name = serverNameOf(at.target);
      const kind = `from ${hostPort(at.target)} at ${at.address}${comma}${to}`;
      return from(name === own ? { at } : { at, serverName: name }, kind);
    }),
  ];
}
