import { describe, expect, test } from "vitest";
import type { FlightFacts } from "../../src/probe/exchange.ts";
import type { Flight } from "../../src/probe/flight.ts";
import { judgeAttempt } from "../../src/probe/verdict/attempt.ts";
import type { Controls, Encounter } from "../../src/probe/verdict/judgement.ts";
import {
  alerted,
  answered,
  httpSetting,
  rawSetting,
  seen,
  served,
  silent,
  unanswered,
} from "./support/traces.ts";

const sound: Controls = { good: [served, served], sound: true };
const unsound: Controls = { good: [served], sound: false };
const soundSilent: Controls = { good: [silent, silent], sound: true };

const rules: Flight = { decides: "flight", silenceRefuses: false, ownHello: false };
const sent: FlightFacts = { sent: true, answeredLater: 0, earlyDataTaken: undefined };

/** The same encounter, of the raw client. */
function raw({ trace, answer }: Encounter, flight: Partial<FlightFacts> = {}): Encounter {
  return { answer, trace: { ...trace, flight: { ...sent, ...flight } } };
}

function judge(
  encounter: Encounter,
  changes: Partial<Flight> = {},
  controls: Controls = sound,
  setting = httpSetting,
) {
  return judgeAttempt(encounter, { flight: { ...rules, ...changes } }, controls, setting).outcome;
}

test("whoever sends 0-RTT data and nothing else may be kept waiting, and turned away in any words", () => {
  const held = { decides: "early-data", silenceRefuses: true } as const;
  const taken = (encounter: Encounter) => raw(encounter, { earlyDataTaken: true });
  expect(judge(taken(unanswered()), held)).toBe("refused");
  expect(judge(taken(unanswered()), { decides: "early-data" })).toBe("inconclusive");
  expect(judge(taken(served), held)).toBe("accepted");
  const shownOut = answered("an answer", "other", "who are you?", { end: "closed" });
  const ms = { established: 5, total: 1005 };
  const greeting = answered("an answer", "other", "welcome to the fleet", { end: "open", ms });
  const greeted: Controls = { good: [greeting, greeting], sound: true };
  expect(judge(taken(shownOut), held, greeted, rawSetting)).toBe("refused");
});

const noHello = { seen: seen({ version: undefined }), established: false };
const closed = unanswered({ end: "closed" });

describe("a flight that was sent", () => {
  test.each([10, 20, 47, 50, 42, 51, 116])("alert %i refuses it", (description) => {
    expect(judge(raw(alerted(description)))).toBe("refused");
  });

  test.each<[string, Encounter, string]>([
    ["the control's answer", served, "accepted"],
    ["HTTP 400", answered("HTTP 400", "denied", "no"), "refused"],
    ["internal_error", alerted(80), "refused"],
    ["unrecognized_name", alerted(112), "inconclusive"],
    ["a close", closed, "refused"],
    ["silence", unanswered(), "inconclusive"],
    ["our own client's fault", unanswered({ localFault: "the server's Finished is wrong" }), "inconclusive"],
  ])("%s", (_name, encounter, outcome) => {
    expect(judge(raw(encounter))).toBe(outcome);
  });

  test("a close proves nothing without good controls", () => {
    expect(judge(raw(closed), {}, unsound)).toBe("inconclusive");
  });

  test("the same alerts refuse no certificate", () => {
    const forged = { certificate: seen().clientCertificates?.[0] ?? new Uint8Array() };
    expect(judgeAttempt(alerted(10), forged, sound, httpSetting).outcome).toBe("inconclusive");
  });
});

test("a flight that was not sent says nothing, whatever the server did", () => {
  for (const encounter of [alerted(42), closed, unanswered()]) {
    expect(judge(raw(encounter, { sent: false }))).toBe("inconclusive");
    expect(judge(encounter)).toBe("inconclusive");
  }
});

describe("an end in place of the ServerHello", () => {
  test.each([alerted(50, { version: undefined }), unanswered({ ...noHello, end: "closed" })])(
    "refuses a ClientHello that is not the control's",
    (encounter) => {
      expect(judge(raw(encounter, { sent: false }), { ownHello: true })).toBe("refused");
      expect(judge(raw(encounter, { sent: false }), { ownHello: true }, unsound)).toBe("inconclusive");
      expect(judge(raw(encounter, { sent: false }))).toBe("inconclusive");
    },
  );

  test("which a timeout does not", () => {
    expect(judge(raw(unanswered(noHello), { sent: false }), { ownHello: true })).toBe("inconclusive");
  });
});

describe("a server without a suite that the raw client has", () => {
  const servedWith = (cipherSuite: number): Controls => {
    const control = answered("HTTP 200", "granted", "body", { seen: seen({ version: "1.2", cipherSuite }) });
    return { good: [control, control], sound: true };
  };
  const unsent = (description: number) => raw(alerted(description, { version: undefined }), { sent: false });
  const onTls12 = { ...httpSetting, version: "1.2" } as const;
  const outcome = (description: number, cipherSuite: number, changes: Partial<Flight> = {}) =>
    judge(unsent(description), changes, servedWith(cipherSuite), onTls12);

  test.each([0x002f, 0x009c, 0xc009])("is not attacked on the wire (suite %i)", (suite) => {
    expect(outcome(40, suite)).toBe("not-applicable");
    expect(outcome(71, suite)).toBe("not-applicable");
  });
  test("which a known suite, another alert or a close does not show", () => {
    expect(outcome(40, 0xc02b)).toBe("inconclusive");
    expect(outcome(80, 0x002f)).toBe("inconclusive");
    const shut = raw(unanswered({ ...noHello, end: "closed" }), { sent: false });
    expect(judge(shut, {}, servedWith(0x002f), onTls12)).toBe("inconclusive");
  });
  test("but refuses a ClientHello that is not the control's", () => {
    expect(outcome(40, 0x002f, { ownHello: true })).toBe("refused");
  });
});

describe("a client that only listens", () => {
  const listens = { silenceRefuses: true };
  test("has been refused where the server says nothing", () => {
    expect(judge(raw(unanswered()), listens)).toBe("refused");
    expect(judge(raw(closed), listens)).toBe("refused");
  });

  test("has found something where the server speaks", () => {
    expect(judge(raw(served), listens)).toBe("accepted");
    expect(judge(raw(unanswered({ received: Buffer.from("220") })), listens)).toBe("inconclusive");
  });

  test("learns nothing of a service that says nothing to anybody", () => {
    expect(judge(raw(silent), listens, soundSilent, rawSetting)).toBe("not-applicable");
  });
});

test("a client that has nothing to say to a service that hangs up on every word", () => {
  const unasked = raw(unanswered({ asked: false }));
  expect(judge(unasked, { speaks: true }, soundSilent, rawSetting)).toBe("not-applicable");
  expect(judge(raw(silent), { speaks: true }, soundSilent, rawSetting)).toBe("accepted");
  expect(judge(raw(closed), { speaks: true }, soundSilent, rawSetting)).toBe("refused");
});

describe("a certificate that is asked for again", () => {
  const later = { decides: "later-flight" } as const;
  const declined = unanswered({
    end: "open",
    localFault: "the server does not renegotiate",
    seen: seen({ alerts: [{ from: "server", fatal: false, description: 100 }] }),
  });

  test.each<[string, Encounter, string]>([
    ["was not: the valid client was served", served, "not-applicable"],
    ["was not: the page differs each time", answered("HTTP 200", "granted", "another"), "not-applicable"],
    ["was not: the server does not renegotiate", declined, "not-applicable"],
    ["was not: the server ends the connection", closed, "refused"],
    ["was not: silence", unanswered(), "inconclusive"],
    ["was not: something else was answered", answered("HTTP 404", "other", "gone"), "inconclusive"],
  ])("%s", (_name, encounter, outcome) => {
    expect(judge(raw(encounter), later)).toBe(outcome);
  });

  test("was: what follows decides", () => {
    expect(judge(raw(served, { answeredLater: 1 }), later)).toBe("accepted");
    expect(judge(raw(alerted(42), { answeredLater: 1 }), later)).toBe("refused");
  });

  test("an end without good controls proves nothing", () => {
    expect(judge(raw(closed), later, unsound)).toBe("inconclusive");
  });
});

test("0-RTT data that is not taken cannot be misused", () => {
  const early = { decides: "early-data" } as const;
  expect(judge(raw(alerted(116), { earlyDataTaken: false }), early)).toBe("not-applicable");
  expect(judge(raw(served, { earlyDataTaken: true }), early)).toBe("accepted");
  expect(judge(raw(alerted(116), { earlyDataTaken: true }), early)).toBe("refused");
  expect(judge(raw(alerted(116), { sent: false }), early)).toBe("inconclusive");
});
