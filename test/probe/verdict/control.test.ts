import { NAMES_HTTP3 } from "../../../src/probe/answer.ts";
import { httpAnswer } from "../../../src/probe/protocols/http.ts";
import { describe, expect, test } from "vitest";
import { agree, judgeControl } from "../../../src/probe/verdict/control.ts";
import type { Encounter } from "../../../src/probe/verdict/judgement.ts";
import {
  alerted,
  answered,
  httpSetting,
  rawSetting,
  seen,
  served,
  silent,
  trace,
  unanswered,
} from "../support/traces.ts";

describe("the valid client", () => {
  test.each<[string, Encounter, string]>([
    ["HTTP 200", served, "accepted"],
    ["HTTP 404 of the application", answered("HTTP 404", "other"), "accepted"],
    ["HTTP 401 of the application", answered("HTTP 401", "challenged"), "accepted"],
    [
      "HTTP 400, as nginx answers a certificate that it does not trust",
      answered("HTTP 400", "denied"),
      "refused",
    ],
    ["HTTP 403", answered("HTTP 403", "denied"), "refused"],
    ["HTTP 503", answered("HTTP 503", "overloaded"), "inconclusive"],
    ["an end like a close", answered("GOAWAY INTERNAL_ERROR", "ended", ""), "inconclusive"],
    ["an alert about its certificate", alerted(48), "refused"],
    ["illegal_parameter, for a curve that is not the server's", alerted(47), "refused"],
    ["internal_error", alerted(80), "refused"],
    ["another alert", alerted(20), "inconclusive"],
    ["a close without a word", unanswered({ end: "closed" }), "inconclusive"],
    ["nothing in time", unanswered(), "inconclusive"],
    [
      "a dead port",
      unanswered({ end: "unconnected", established: false, error: "ECONNREFUSED" }),
      "inconclusive",
    ],
    [
      "a server that is not trusted",
      answered("HTTP 200", "granted", "body", { untrusted: "DEPTH_ZERO_SELF_SIGNED_CERT" }),
      "inconclusive",
    ],
    ["protocol_version", alerted(70, { version: undefined }), "not-applicable"],
    [
      "another version",
      unanswered({
        established: false,
        localFault: "ERR_SSL_UNSUPPORTED_PROTOCOL",
        seen: seen({ version: "1.2" }),
      }),
      "not-applicable",
    ],
    ["our own library's fault", unanswered({ established: false, localFault: "ERR_SSL_X" }), "inconclusive"],
    [
      "our own library's fault before the ServerHello, which ends the connection",
      unanswered({
        end: "closed",
        established: false,
        localFault: "ERR_SSL_X",
        seen: seen({ version: undefined }),
      }),
      "inconclusive",
    ],
    [
      "no ServerHello in time",
      unanswered({ established: false, seen: seen({ version: undefined }) }),
      "inconclusive",
    ],
  ])("%s", (_name, encounter, outcome) => {
    expect(judgeControl(encounter, httpSetting).outcome).toBe(outcome);
  });

  test("a canary must be there", () => {
    const setting = { ...httpSetting, canary: "secret garden" };
    expect(judgeControl(served, setting).outcome).toBe("inconclusive");
    expect(judgeControl(answered("HTTP 200", "granted", "a secret garden"), setting).outcome).toBe(
      "accepted",
    );
  });

  test("a silent service may stay silent, but not close before a line came, nor with an alert", () => {
    expect(judgeControl(silent, rawSetting).outcome).toBe("accepted");
    expect(judgeControl(unanswered({ end: "closed", asked: false }), rawSetting).outcome).toBe(
      "inconclusive",
    );
    expect(judgeControl(unanswered({ end: "closed" }), rawSetting).outcome).toBe("accepted");
    expect(judgeControl(unanswered({ end: "closed" }), httpSetting).outcome).toBe("inconclusive");
    expect(judgeControl(alerted(20), rawSetting).outcome).toBe("inconclusive");
  });
});

describe("two good controls", () => {
  const agreed = (first: string, second: string, setting = rawSetting) =>
    agree(answered("an answer", "other", first), answered("an answer", "other", second), setting);
  test.each([
    ["equal bytes", "ok\n", "ok\n", true],
    ["a common beginning", "220 gateway 1\r\n", "220 gateway 2\r\n", true],
    ["a greeting and an error", "WELCOME to the fleet\r\n", "ERR backend down\r\n", false],
    ["a common beginning too short to mean anything", "220 a\r\n", "220 b\r\n", false],
    ["an answer and an empty one", "220 gateway\r\n", "", false],
    ["a common end", "1a fleet gateway\r\n", "2b fleet gateway\r\n", true],
  ])("of a raw service: %s", (_name, first, second, same) => {
    expect(agreed(first, second)).toBe(same);
    expect(agreed(second, first)).toBe(same);
  });
  test("of a raw service: silence agrees with silence only", () => {
    const hungUpOn = unanswered({ end: "closed" });
    expect(agree(hungUpOn, silent, rawSetting)).toBe(true);
    expect(agree(silent, hungUpOn, rawSetting)).toBe(false);
    expect(agree(silent, silent, rawSetting)).toBe(true);
    expect(agree(silent, answered("an answer", "other"), rawSetting)).toBe(false);
  });
  test("the canary, or the status over HTTP, says enough", () => {
    expect(agreed("1 canary", "2 canary", { ...rawSetting, canary: "canary" })).toBe(true);
    expect(agreed("page", "another", httpSetting)).toBe(true);
    expect(agree(served, answered("HTTP 404", "other"), httpSetting)).toBe(false);
  });
});

test.each([
  ['h3=":443"; ma=86400', true],
  ['h2="alt.example:443", h3-29=":443"', true],
  ['h2=":443"', false],
  ["clear", false],
])("an Alt-Svc of %s names HTTP/3: %s", (value, names) => {
  const fields = new Map([["alt-svc", value]]);
  const message = {
    status: 200,
    fields,
    trailers: new Map(),
    values: [],
    body: new Uint8Array(),
    complete: true,
  };
  const { evidence } = judgeControl({ trace: trace(), answer: httpAnswer(message) }, httpSetting);
  expect(evidence).toBe(names ? `HTTP 200; ${NAMES_HTTP3}` : "HTTP 200");
});
