import fc from "fast-check";
import type { AttackResult, EndpointResult, ProbeResult } from "../../../src/probe/result.ts";
import type { Check, Report } from "../../../src/report/report.ts";

/** Text as a hostile server, certificate or log may bring it: any code unit, and what each format fears. */
export const hostileText = fc
  .array(
    fc.oneof(
      fc.string({ unit: "binary", maxLength: 6 }),
      fc.integer({ min: 0, max: 0xffff }).map((unit) => String.fromCharCode(unit)),
      fc.constantFrom(
        "]]>",
        "<!--",
        "-->",
        "</script><script>alert(1)</script>",
        '" onload="x',
        "'",
        "&amp;",
        "\n::error::owned\n",
        "::stop-commands::x",
        "##[error]x",
        "%0A",
        "%",
        "\r\n\r\n",
        "|",
        "[link](javascript:x)",
        "{0}",
        "}}",
        "`",
        "\u001b[2J",
        "\u202e",
        "\uFFFE",
        "\uFFFF",
        "\u0000",
        "\uD800",
      ),
    ),
    { maxLength: 8 },
  )
  .map((parts) => parts.join(""));

const attack: fc.Arbitrary<AttackResult> = fc.record({
  id: fc.constantFrom("no-cert", "wrong-ca", "no-eku", "plaintext"),
  title: hostileText,
  tls: fc.constantFrom("1.3", "1.2", null),
  outcome: fc.constantFrom("refused", "accepted", "not-applicable", "inconclusive", "not-run"),
  layer: fc.constantFrom("tcp", "tls", "http", "app"),
  evidence: hostileText,
  meaning: hostileText,
  reference: fc.oneof(hostileText, fc.constantFrom("RFC 8446 section 4.4.2", "CVE-2025-23419")),
  fix: hostileText,
  reportedOnly: fc.boolean(),
});

const endpoint: fc.Arbitrary<EndpointResult> = fc.record({
  target: hostileText,
  address: hostileText,
  verdict: fc.constantFrom("enforced", "bypassed", "inconclusive"),
  reasons: fc.array(hostileText, { maxLength: 2 }),
  doubts: fc.array(hostileText, { maxLength: 2 }),
  control: fc.array(
    fc.record({
      tls: fc.constantFrom("1.2" as const, "1.3" as const),
      outcome: fc.constantFrom("accepted", "refused", "inconclusive"),
      evidence: hostileText,
    }),
    { maxLength: 2 },
  ),
  attacks: fc.array(attack, { minLength: 1, maxLength: 4 }),
});

/** Any result at all, also such as no probe would give. */
export const anyProbeResult: fc.Arbitrary<ProbeResult> = fc.record({
  ok: fc.boolean(),
  summary: fc.record({ enforced: fc.nat(9), bypassed: fc.nat(9), inconclusive: fc.nat(9) }),
  endpoints: fc.array(endpoint, { maxLength: 3 }),
  unreachable: fc.array(fc.record({ target: hostileText, address: hostileText, reason: hostileText }), {
    maxLength: 1,
  }),
  interrupted: fc.boolean(),
});

const check: fc.Arbitrary<Check> = fc.record({
  rule: fc.constantFrom("RULE_A", "rule-b"),
  outcome: fc.constantFrom(
    "passed",
    "failed",
    "tolerated",
    "noted",
    "inconclusive",
    "not-applicable",
    "not-run",
  ),
  subject: hostileText,
  variant: hostileText,
  evidence: hostileText,
  place: fc.option(
    fc.record({
      path: hostileText,
      line: fc.option(fc.integer({ min: 1, max: 1e6 }), { nil: undefined }),
      offset: fc.option(fc.nat(), { nil: undefined }),
    }),
    { nil: undefined },
  ),
  key: fc.array(hostileText, { maxLength: 2 }),
});

/** Any report of a command without a page of its own. */
export const anyReport: fc.Arbitrary<Report> = fc.record({
  command: fc.constantFrom("probe", "logs lint"),
  version: fc.constant("0.1.0"),
  time: fc.integer({ min: 0, max: 4e12 }),
  headline: hostileText,
  document: fc.record({ schema: fc.constant("fleetsec.probe/v1"), text: hostileText }),
  rules: fc
    .tuple(hostileText, hostileText, hostileText, hostileText)
    .map(([title, meaning, reference, fix]) =>
      ["RULE_A", "rule-b"].map((id) => ({ id, title, meaning, reference, fix })),
    ),
  checks: fc.array(check, { maxLength: 6 }),
});
