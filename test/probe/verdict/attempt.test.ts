import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Presented } from "../../../src/probe/evidence.ts";
import type { End } from "../../../src/probe/exchange.ts";
import { judgeAttempt } from "../../../src/probe/verdict/attempt.ts";
import type { Controls, Encounter } from "../../../src/probe/verdict/judgement.ts";
import { looksRefused } from "../../../src/probe/verdict/unanswered.ts";
import {
  alerted,
  answered,
  FORGED,
  httpSetting,
  rawSetting,
  seen,
  served,
  silent,
  trace,
  unanswered,
} from "../support/traces.ts";

const forged: Presented = { certificate: FORGED };
const sound: Controls = { good: [served, served], sound: true };
const unsound: Controls = { good: [served], sound: false };
const none: Controls = { good: [], sound: false };
const soundSilent: Controls = { good: [silent, silent], sound: true };

describe("a forged client, with good controls", () => {
  test.each<[string, Encounter, string, string]>([
    ["the control's answer", served, "accepted", "http"],
    ["another page with 200", answered("HTTP 200", "granted", "login"), "accepted", "http"],
    ["HTTP 400", answered("HTTP 400", "denied", "no"), "refused", "http"],
    ["HTTP 401", answered("HTTP 401", "challenged", "no"), "refused", "http"],
    ["HTTP 403", answered("HTTP 403", "denied", "no"), "refused", "http"],
    ["HTTP 429", answered("HTTP 429", "overloaded"), "inconclusive", "http"],
    ["HTTP 502", answered("HTTP 502", "overloaded"), "inconclusive", "http"],
    ["an end like a close", answered("GOAWAY INTERNAL_ERROR", "ended", ""), "refused", "http"],
    ["a redirect", answered("HTTP 302", "other", "https://login/"), "refused", "http"],
    ["HTTP 404 where the control got 200", answered("HTTP 404", "other"), "refused", "http"],
    ["bad_certificate", alerted(42), "refused", "tls"],
    ["unknown_ca", alerted(48), "refused", "tls"],
    ["decrypt_error", alerted(51), "refused", "tls"],
    ["certificate_required", alerted(116), "refused", "tls"],
    ["certificate_unobtainable", alerted(111), "refused", "tls"],
    ["bad_certificate_status_response", alerted(113), "refused", "tls"],
    ["bad_certificate_hash_value", alerted(114), "refused", "tls"],
    ["general_error", alerted(117), "refused", "tls"],
    ["unsupported_extension", alerted(110), "inconclusive", "tls"],
    ["no_application_protocol", alerted(120), "inconclusive", "tls"],
    ["an alert that is not registered", alerted(200), "inconclusive", "tls"],
    ["GnuTLS's decode_error", alerted(50), "refused", "tls"],
    ["internal_error", alerted(80), "refused", "tls"],
    ["unexpected_message", alerted(10), "inconclusive", "tls"],
    ["a close", unanswered({ end: "closed" }), "refused", "tls"],
    ["a reset", unanswered({ end: "reset", error: "ECONNRESET" }), "refused", "tls"],
    ["silence", unanswered(), "inconclusive", "http"],
    ...(["closed", "reset", "open"] as const).map((end): [string, Encounter, string, string] => [
      `bytes that are no HTTP answer, then ${end}`,
      unanswered({ end, received: Buffer.from("HTTP/1.1 200 OK\r\r\rsecret") }),
      "inconclusive",
      "http",
    ]),
    [
      "bytes that are no HTTP answer, then an alert",
      {
        ...alerted(48),
        trace: { ...alerted(48).trace, received: Buffer.from("secret") },
      },
      "inconclusive",
      "http",
    ],
    ["too many bytes", unanswered({ end: "flooded" }), "inconclusive", "http"],
    [
      "a refused connection",
      unanswered({ end: "unconnected", error: "ECONNREFUSED" }),
      "inconclusive",
      "tcp",
    ],
    [
      "handshake_failure to the ClientHello that the control sent too",
      alerted(40, { version: undefined }),
      "inconclusive",
      "tls",
    ],
    [
      "no ServerHello",
      unanswered({ established: false, seen: seen({ version: undefined }) }),
      "inconclusive",
      "tls",
    ],
    [
      "our own library's fault",
      unanswered({ established: false, localFault: "ERR_SSL_X" }),
      "inconclusive",
      "tls",
    ],
  ])("%s", (_name, encounter, outcome, layer) => {
    expect(judgeAttempt(encounter, forged, sound, httpSetting)).toMatchObject({ outcome, layer });
  });

  test.each<[string, Partial<ReturnType<typeof seen>>]>([
    ["was never asked for", { clientCertificates: undefined }],
    ["was replaced by an empty Certificate", { clientCertificates: [] }],
    ["was replaced by another one", { clientCertificates: [Uint8Array.of(1)] }],
    ["was sent without CertificateVerify", { clientVerified: false }],
  ])("no refusal counts where the forged certificate %s", (_name, observation) => {
    expect(judgeAttempt(alerted(48, observation), forged, sound, httpSetting).outcome).toBe("inconclusive");
    const closed = unanswered({ end: "closed", seen: seen(observation) });
    expect(judgeAttempt(closed, forged, sound, httpSetting).outcome).toBe("inconclusive");
    const denied = {
      ...answered("HTTP 403", "denied", "no"),
      trace: trace({ end: "closed", seen: seen(observation) }),
    };
    expect(judgeAttempt(denied, forged, sound, httpSetting).outcome).toBe("inconclusive");
  });

  test("is not turned away by what valid clients are not granted either", () => {
    const judge = (meaning: "other" | "challenged", encounter: Encounter) => {
      const control = answered("HTTP 404", meaning, "no such tender");
      return judgeAttempt(encounter, forged, { good: [control, control], sound: true }, httpSetting).outcome;
    };
    expect(judge("other", answered("HTTP 302", "other", "/login"))).toBe("inconclusive");
    expect(judge("challenged", answered("HTTP 404", "other", "nothing"))).toBe("inconclusive");
    expect(judge("other", answered("HTTP 404", "other", "no such tender"))).toBe("accepted");
  });

  test("a denial that holds all that the valid clients were granted leaks", () => {
    const judge = (content: string, controls = sound) =>
      judgeAttempt(answered("HTTP 403", "denied", content), forged, controls, httpSetting).outcome;
    const granted = answered("HTTP 200", "granted", "positions of all trucks");
    const controls: Controls = { good: [granted, granted], sound: true };
    expect(judge("positions of all trucks", controls)).toBe("accepted");
    expect(judge("positions of no trucks", controls)).toBe("refused");
    // "body", as every short one, says nothing
    expect(judge("body")).toBe("refused");
    const denials = answered("HTTP 401", "challenged", "who are you?");
    expect(judge("who are you?", { good: [denials, denials], sound: true })).toBe("refused");
  });

  describe("a denial in which that stands leaks, whatever stands around it", () => {
    const outcome = (denial: Encounter, ...granted: string[]) => {
      const good = granted.map((content) => answered("HTTP 200", "granted", content));
      return judgeAttempt(denial, forged, { good, sound: true }, httpSetting).outcome;
    };
    const denied = (content: string) => answered("HTTP 401", "challenged", content);
    const SECRET = "positions of all trucks\n";
    const fields = (changes: object) =>
      JSON.stringify({ vehicle: "truck-7", load: { kind: "steel" }, ...changes });

    test.each<[string, Encounter, string]>([
      [
        "a redirect with the page as its body",
        answered("HTTP 302", "other", `/login\n${SECRET}`),
        "accepted",
      ],
      ["a redirect", answered("HTTP 302", "other", "/login\nlog in to see them"), "refused"],
      ["a page to log in with it", denied(`<h1>log in</h1> ${SECRET} <form>`), "accepted"],
      ["the same without the line's end", denied(`<p>${SECRET.trim()}</p>`), "accepted"],
      ["a page to log in", denied("<h1>log in</h1> for the positions of trucks <form>"), "refused"],
      ["a fault with it", answered("HTTP 500", "overloaded", SECRET), "accepted"],
      ["a fault", answered("HTTP 500", "overloaded", "out of trucks"), "inconclusive"],
    ])("%s", (_what, denial, expected) => {
      expect(outcome(denial, SECRET, SECRET)).toBe(expected);
    });

    test.each(["ok", "{}", "", "authenticated"])("%j in it says nothing", (content) => {
      expect(outcome(denied(`you are not authenticated, ok? {}`), content, content)).toBe("refused");
    });

    test.each<[string, string, string]>([
      ["with all fields, and what differs each time", fields({ error: "who are you?", now: 3 }), "accepted"],
      ["with all fields within another", `{"error":"no","data":[${fields({ now: 3 })}]}`, "accepted"],
      ["with another value", fields({ vehicle: "truck-8", now: 3 }), "refused"],
      ["with a field less", fields({ error: "no" }), "refused"],
      ["with none of them", '{"error":"who are you?","now":3}', "refused"],
      [
        "so deep that it is not looked at",
        `{"vehicle":${"[".repeat(9000)}${"]".repeat(9000)},"now":3}`,
        "refused",
      ],
      ["that is no JSON", "{", "refused"],
    ])("JSON %s", (_what, content, expected) => {
      expect(outcome(denied(content), fields({ now: 1 }), fields({ now: 2 }))).toBe(expected);
    });

    test("fields that every answer has, error or not, are none", () => {
      const envelope = (more: object) => JSON.stringify({ jsonrpc: "2.0", id: "fleet-request-1", ...more });
      const controls = [envelope({ result: { at: 1 } }), envelope({ result: { at: 2 } })];
      expect(outcome(denied(envelope({ error: "no" })), ...controls)).toBe("refused");
      expect(outcome(denied(envelope({ result: { at: 3 }, error: "no" })), ...controls)).toBe("accepted");
    });
  });

  test("a canary decides", () => {
    const setting = { ...httpSetting, canary: "garden" };
    const controls: Controls = {
      good: [answered("HTTP 200", "granted", "garden"), answered("HTTP 200", "granted", "garden")],
      sound: true,
    };
    const judge = (encounter: Encounter) => judgeAttempt(encounter, forged, controls, setting).outcome;
    expect(judge(answered("HTTP 200", "granted", "the garden"))).toBe("accepted");
    expect(judge(answered("HTTP 200", "granted", "login"))).toBe("refused");
    expect(judge(answered("HTTP 302", "other", "login"))).toBe("refused");
    expect(judge(answered("HTTP 503", "overloaded", "busy"))).toBe("inconclusive");
  });
});

test("an alert is told by its name, or by its number", () => {
  const told = (alert: number) => judgeAttempt(alerted(alert), forged, sound, httpSetting).evidence;
  expect(told(114)).toBe("alert bad_certificate_hash_value");
  expect(told(200)).toBe("alert 200, which is not registered");
});

describe("a forged client, without good controls", () => {
  test("what looks like a refusal by silence or in words proves nothing", () => {
    for (const encounter of [
      unanswered({ end: "closed" }),
      unanswered({ end: "reset", error: "ECONNRESET" }),
      answered("HTTP 403", "denied", "no"),
      answered("HTTP 404", "other", "no"),
      answered("HTTP 302", "other", "/login"),
      alerted(80),
      alerted(117),
    ]) {
      expect(judgeAttempt(encounter, forged, unsound, httpSetting).outcome).toBe("inconclusive");
    }
  });

  test("an accepted one is a finding all the same", () => {
    expect(judgeAttempt(served, forged, none, httpSetting).outcome).toBe("accepted");
  });

  test("a version that nobody can use is not applicable", () => {
    expect(judgeAttempt(alerted(70, { version: undefined }), forged, none, httpSetting).outcome).toBe(
      "not-applicable",
    );
    const setting = { ...httpSetting, version: "1.0" as const };
    expect(judgeAttempt(alerted(80, { version: undefined }), forged, none, setting).outcome).toBe(
      "not-applicable",
    );
  });
});

describe("a client without a certificate", () => {
  test("is refused where its empty Certificate was answered with an alert", () => {
    const judge = (clientCertificates: readonly Uint8Array[] | undefined) =>
      judgeAttempt(alerted(116, { clientCertificates }), "no-certificate", sound, httpSetting).outcome;
    expect(judge([])).toBe("refused");
    expect(judge(undefined)).toBe("inconclusive");
  });

  test("is refused in the service's own words, whether or not TLS asked", () => {
    const observation = seen({ request: undefined, clientCertificates: undefined });
    const denied = { ...answered("HTTP 403", "denied", "no"), trace: trace({ seen: observation }) };
    expect(judgeAttempt(denied, "no-certificate", sound, httpSetting).outcome).toBe("refused");
  });
});

test("an alert to the ClientHello refuses the session in it, and no certificate", () => {
  const denied = alerted(49, { version: undefined, clientCertificates: undefined });
  const judge = (presented: Presented, controls = sound) =>
    judgeAttempt(denied, presented, controls, httpSetting).outcome;
  expect(judge("session")).toBe("refused");
  expect(judge("session", { ...sound, sound: false })).toBe("inconclusive");
  expect(judge("no-certificate")).toBe("inconclusive");
});

test("an anonymous server that asks for a certificate lets no client go on", () => {
  const asked = (changes: Parameters<typeof seen>[0]) => {
    const handshake = seen({ version: "1.2", clientCertificates: undefined, ...changes });
    const localFault = "ERR_SSL_UNEXPECTED_MESSAGE";
    return judgeAttempt(
      unanswered({ established: false, localFault, seen: handshake }),
      "other-hello",
      sound,
      { ...httpSetting, version: "1.2" },
    ).outcome;
  };
  expect(asked({})).toBe("not-applicable");
  expect(asked({ request: undefined })).toBe("inconclusive");
  expect(asked({ serverCertificates: [FORGED] })).toBe("inconclusive");
});

describe("a client without TLS", () => {
  const plain = { ...httpSetting, version: undefined };
  const nothing = seen({
    version: undefined,
    clientCertificates: undefined,
    clientFinished: false,
    serverFinished: false,
  });
  test.each<[string, Encounter, string]>([
    ["the control's answer", served, "accepted"],
    ["nginx's 400", answered("HTTP 400", "denied", "plain"), "refused"],
    ["a redirect to https", answered("HTTP 301", "other", "https://gateway/\n"), "refused"],
    ["a redirect to elsewhere", answered("HTTP 301", "other", "/login\n"), "inconclusive"],
    ["426", answered("HTTP 426", "other", ""), "refused"],
    ["a TLS alert", alerted(70, { version: undefined }), "refused"],
    ["a close", unanswered({ end: "closed", seen: nothing }), "refused"],
    ["silence", unanswered({ seen: nothing }), "inconclusive"],
    [
      "a close after bytes that are no HTTP answer",
      unanswered({ end: "closed", seen: nothing, received: Buffer.from("secret") }),
      "inconclusive",
    ],
  ])("%s", (_name, encounter, outcome) => {
    expect(judgeAttempt(encounter, "no-tls", sound, plain).outcome).toBe(outcome);
  });
});

describe("a silent service", () => {
  test("that gives tickets to clients which it then refuses is not understood by them", () => {
    const judge = (controls: Controls, version: "1.2" | "1.3") =>
      judgeAttempt(unanswered({ seen: seen({ version }) }), forged, controls, { ...rawSetting, version })
        .outcome;
    expect(judge(soundSilent, "1.3")).toBe("accepted");
    expect(judge({ ...soundSilent, ticketsToAll: true }, "1.3")).toBe("inconclusive");
    // TLS 1.2 judges the client before
    expect(judge({ ...soundSilent, ticketsToAll: true }, "1.2")).toBe("accepted");
  });

  test("accepts who is met by the same silence as the control", () => {
    expect(judgeAttempt(unanswered(), forged, soundSilent, rawSetting).outcome).toBe("accepted");
  });
  test("without tickets accepts whom it does not refuse in TLS 1.2 only", () => {
    const bare = unanswered({ seen: seen({ tickets: 0 }) });
    const outcome = (version: "1.2" | "1.3") =>
      judgeAttempt(
        { ...bare, trace: { ...bare.trace, seen: { ...bare.trace.seen, version } } },
        forged,
        { good: [bare, bare], sound: true },
        { ...rawSetting, version },
      ).outcome;
    expect(outcome("1.2")).toBe("accepted");
    expect(outcome("1.3")).toBe("inconclusive");
  });
  test("does not accept who gets no ticket where the control did, or no Finished", () => {
    const outcome = (changes: Parameters<typeof seen>[0]) =>
      judgeAttempt(unanswered({ seen: seen(changes) }), forged, soundSilent, rawSetting).outcome;
    expect(outcome({ tickets: 0 })).toBe("inconclusive");
    expect(outcome({ serverFinished: false })).toBe("inconclusive");
  });
  test("refuses whom it hangs up on", () => {
    expect(judgeAttempt(unanswered({ end: "closed" }), forged, soundSilent, rawSetting).outcome).toBe(
      "refused",
    );
  });
});

describe("on a version that serves no valid client", () => {
  test.each<[string, Encounter, boolean]>([
    ["HTTP 400", answered("HTTP 400", "denied"), true],
    ["HTTP 401", answered("HTTP 401", "challenged"), true],
    ["an alert", alerted(48), true],
    ["a close", unanswered({ end: "closed" }), true],
    ["a reset", unanswered({ end: "reset", error: "ECONNRESET" }), true],
    ["HTTP 404", answered("HTTP 404", "other"), false],
    ["a redirect", answered("HTTP 302", "other"), false],
    ["HTTP 503", answered("HTTP 503", "overloaded"), false],
    ["an end like a close", answered("GOAWAY INTERNAL_ERROR", "ended", ""), true],
    ["bytes of a raw service", answered("an answer", "other"), false],
    ["bytes that are no HTTP answer", unanswered({ end: "closed", received: FORGED }), false],
    ["silence", unanswered(), false],
  ])("%s", (_name, encounter, refused) => {
    expect(looksRefused(encounter)).toBe(refused);
  });
});

describe("whatever happens", () => {
  const encounters = fc.record({
    end: fc.constantFrom<End>("unconnected", "open", "closed", "reset", "flooded"),
    established: fc.boolean(),
    localFault: fc.option(fc.constant("ERR_SSL_X"), { nil: undefined }),
    alert: fc.option(fc.integer({ min: 0, max: 255 }), { nil: undefined }),
    version: fc.constantFrom(undefined, "1.2" as const, "1.3" as const),
    sent: fc.constantFrom(undefined, "forged" as const, "empty" as const, "other" as const),
    verified: fc.boolean(),
    answer: fc.option(
      fc.record({
        label: fc.constantFrom("HTTP 200", "HTTP 302", "HTTP 403", "HTTP 503"),
        content: fc.constantFrom("body", "else"),
      }),
      { nil: undefined },
    ),
    sound: fc.boolean(),
    setting: fc.constantFrom(httpSetting, rawSetting),
  });
  const MEANINGS = {
    "HTTP 200": "granted",
    "HTTP 302": "other",
    "HTTP 403": "denied",
    "HTTP 503": "overloaded",
  } as const;
  const SENT = { forged: [FORGED], empty: [], other: [Uint8Array.of(9)] };

  test("a forged certificate that was not sent and proved is never refused, and no close without good controls", () => {
    const property = fc.property(encounters, (given) => {
      const { answer: said, sent } = given;
      const encounter: Encounter = {
        trace: trace({
          end: given.end,
          established: given.established,
          localFault: given.localFault,
          error: given.end === "unconnected" ? "ECONNREFUSED" : undefined,
          seen: seen({
            version: given.version,
            clientCertificates: sent && SENT[sent],
            clientVerified: given.verified,
            alerts:
              given.alert === undefined ? [] : [{ from: "server", fatal: true, description: given.alert }],
          }),
        }),
        answer: said && {
          label: said.label,
          meaning: MEANINGS[said.label],
          content: Buffer.from(said.content),
        },
      };
      const controls: Controls = given.sound ? sound : none;
      const { outcome } = judgeAttempt(encounter, forged, controls, given.setting);
      const proved = sent === "forged" && given.verified;
      return (
        (outcome !== "refused" || (proved && (given.sound || given.alert !== undefined))) &&
        (outcome === "inconclusive" || given.end !== "unconnected") &&
        (outcome !== "accepted" || said?.label === "HTTP 200")
      );
    });
    expect(() => fc.assert(property, { numRuns: 100 })).not.toThrow();
  });
});

describe("by a service of which nothing is known, a client that is told something else and hung up on", () => {
  const lasting = (end: End, total: number, content: string) =>
    answered("an answer", "other", content, { end, ms: { established: 5, total: 5 + total } });
  const outcome = (hungUpOn: Encounter, ...good: Encounter[]) =>
    judgeAttempt(hungUpOn, forged, { good, sound: true }, rawSetting).outcome;
  const first = lasting("open", 20, "ready");

  test.each<[string, number, End, number, string]>([
    ["at once, and valid clients are kept", 10, "open", 1000, "refused"],
    ["late, and valid clients are kept for longer", 1500, "open", 10_000, "refused"],
    ["late, and valid clients much later", 1500, "closed", 6000, "refused"],
    ["after as long as valid clients were watched", 10_100, "open", 10_000, "inconclusive"],
    ["as late as valid clients", 1500, "closed", 1600, "inconclusive"],
    ["and valid clients were not watched for long", 1500, "open", 1000, "inconclusive"],
  ])("%s", (_what, after, end, watched, expected) => {
    const met = lasting("closed", after, "denied");
    expect(outcome(met, first, lasting(end, watched, "ready"))).toBe(expected);
    expect(outcome(met, lasting(end, watched, "ready"), first)).toBe(expected);
  });
});
