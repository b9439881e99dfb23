import { describe, expect, test } from "vitest";
import { asOtherRequest, asSameRequest, asSameService, type Revise } from "../../src/probe/variant.ts";
import { judgeControl } from "../../src/probe/verdict/control.ts";
import type { Controls, Encounter, Judgement } from "../../src/probe/verdict/judgement.ts";
import { alerted, answered, httpSetting, seen, served, unanswered } from "./support/traces.ts";

const controls: Controls = { good: [served, served], sound: true };
const unclear: Judgement = { outcome: "inconclusive", layer: "http", evidence: "nothing in time" };
const accepted: Judgement = { outcome: "accepted", layer: "http", evidence: "HTTP 200" };
const late = unanswered();
const elsewhere = answered("HTTP 200", "granted", "another host's page");

/** What a client's judgement comes to beside the valid client that asked in the same way. */
function revised(revise: Revise, judgement: Judgement, encounter: Encounter, theirs: Encounter) {
  const own = { encounter: theirs, judgement: judgeControl(theirs, httpSetting) };
  return revise(judgement, { encounter, own: [own], controls, canary: undefined });
}

/** Of these it is known that no valid client is served. */
const KNOWN: readonly (readonly [string, Encounter])[] = [
  ["is refused", answered("HTTP 403", "denied")],
  ["gets an alert to its ClientHello", alerted(120, { version: undefined })],
  ["is hung up on", unanswered({ end: "closed" })],
  ["shrinks from another certificate", answered("HTTP 200", "granted", "x", { untrusted: "ALTNAME" })],
];

/** Of these nothing is known. */
const UNKNOWN: readonly (readonly [string, Encounter])[] = [
  ["gets nothing in time", late],
  ["gets no ServerHello in time", unanswered({ established: false, seen: seen({ version: undefined }) })],
  [
    "gets no connection",
    unanswered({ end: "unconnected", established: false, error: "timeout", asked: false }),
  ],
  ["gets a 503", answered("HTTP 503", "overloaded")],
  ["fails by our own library", unanswered({ established: false, localFault: "ERR_SSL_X" })],
];

describe.each([
  ["asSameRequest", asSameRequest],
  ["asSameService", asSameService],
] as const)("%s, where the valid client", (_name, revise) => {
  test.each(KNOWN)("%s: nobody is served so", (_what, theirs) => {
    expect(revised(revise, unclear, late, theirs).outcome).toBe("not-applicable");
  });

  test.each(UNKNOWN)("%s: nothing is established", (_what, theirs) => {
    const { outcome, evidence } = revised(revise, unclear, late, theirs);
    expect(outcome).toBe("inconclusive");
    expect(evidence).toContain("of a valid client nothing is known");
  });

  test("gets the same fault: everybody does", () => {
    const fault = answered("HTTP 503", "overloaded");
    expect(revised(revise, unclear, fault, fault).outcome).toBe("not-applicable");
  });

  test("is sent the same ServerHello that our own library refuses: everybody is", () => {
    const refusing = (localFault: string) => unanswered({ established: false, localFault });
    const one = refusing("ERR_SSL_BAD_EXTENSION");
    expect(revised(revise, unclear, one, one).outcome).toBe("not-applicable");
    expect(revised(revise, unclear, one, refusing("ERR_SSL_X")).outcome).toBe("inconclusive");
    const before = unanswered({
      established: false,
      localFault: "ERR_SSL_X",
      seen: seen({ version: undefined }),
    });
    expect(revised(revise, unclear, before, before).outcome).toBe("inconclusive");
  });
});

describe("asSameRequest, where the attacker was served", () => {
  test.each(UNKNOWN)("and the valid client %s", (_what, theirs) => {
    // what the target gives is let out, whatever valid clients get
    expect(revised(asSameRequest, accepted, served, theirs)).toEqual(accepted);
    expect(revised(asSameRequest, accepted, elsewhere, theirs).outcome).toBe("inconclusive");
  });
});

test("asOtherRequest: silence for everybody is the request's, and no connection is nobody's", () => {
  expect(revised(asOtherRequest, unclear, late, late).outcome).toBe("not-applicable");
  const dead = unanswered({ end: "unconnected", established: false, error: "timeout", asked: false });
  expect(revised(asOtherRequest, unclear, dead, dead).outcome).toBe("inconclusive");
});
