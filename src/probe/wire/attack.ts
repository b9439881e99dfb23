import type { Attack, Fix, Plan, Scene } from "../attack.ts";
import type { Flight } from "../flight.ts";
import type { WireAttempt } from "./attempt.ts";
import type { WireVersion } from "./settings.ts";

/** An attack on the protocol's state. */
export interface WireAttack extends Attack {
  readonly versions: readonly WireVersion[];
  readonly attempts: readonly WireAttempt[];
  readonly flight: Flight;
}

/** Handshakes are the TLS library's: no setting makes a broken one right. */
const updateLibrary: Fix = {
  nginx: "update nginx and the TLS library that it is linked with (nginx -V); no directive mends this",
  envoy: "update Envoy: its TLS library is built in; no filter mends this",
  haproxy: "update HAProxy and the TLS library that it is linked with (haproxy -vv)",
  node: "update node; do not terminate TLS in a library of your own",
  go: "update Go and build again; do not build with a changed crypto/tls",
};

const both = ["1.3", "1.2"] as const;

type Described = Pick<WireAttack, "id" | "title" | "reference" | "meaning" | "attempts"> &
  Partial<Pick<WireAttack, "fix" | "versions" | "weight"> & Flight>;

export function attack({
  decides = "flight",
  silenceRefuses = false,
  speaks = false,
  ...described
}: Described): WireAttack {
  const { attempts } = described;
  const ownHello = attempts.some(({ helloFragment }) => helloFragment !== undefined);
  const flight: Flight = { decides, silenceRefuses, speaks, ownHello };
  return {
    weight: "required",
    takesIdentity: false,
    versions: both,
    fix: updateLibrary,
    ...described,
    flight,
    plan: (scene) => planOf(attempts, flight, scene),
  };
}

/** The clients that can be made with what is at hand. */
async function planOf(
  attempts: readonly WireAttempt[],
  flight: Flight,
  { forgery, families }: Scene,
): Promise<Plan> {
  const needsValid = attempts.some(({ presents }) => presents === "valid");
  const identity = needsValid ? await forgery.wireClient(families) : undefined;
  const possible = attempts.filter(({ presents }) => presents === "nothing" || identity !== undefined);
  if (possible.length === 0) {
    return { outcome: "not-run", reason: "needs a valid client certificate, whose public part it presents" };
  }
  return {
    attempts: possible.map((attempt) => ({
      kind: attempt.kind,
      family: undefined,
      presented: { flight: attempt.script.holdsBack === true ? { ...flight, silenceRefuses: true } : flight },
      identity: undefined,
      wire: { attempt, identity: attempt.presents === "valid" ? identity : undefined },
      ...(attempt.script.earlyData === true ? { resumes: { identity: undefined } } : {}),
    })),
  };
}
