import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { applyBaseline, entriesFor, spelledAsProbed, withoutExpired } from "../../src/probe/baseline.ts";
import { type BaselineEntry, type ProbeResult, standingOf } from "../../src/probe/result.ts";
import { anyProbeResult } from "../report/support/arbitrary.ts";
import { attackResult, endpointResult, probeResult } from "../report/support/fixtures.ts";

const NOW = Date.parse("2026-11-23T23:59:00Z");
const accepted = (changes = {}) => attackResult({ outcome: "accepted", ...changes });
const entry = (changes: Partial<BaselineEntry> = {}): BaselineEntry => ({
  attack: "no-cert",
  target: "https://gateway.example/",
  expires: "2026-11-23",
  reason: "the old gateway goes in December",
  ...changes,
});
const lax = probeResult(endpointResult([accepted({ tls: "1.3" }), accepted({ tls: "1.2" })]));
const held = (result: ProbeResult, ...entries: BaselineEntry[]) => applyBaseline(result, entries, NOW);

describe("a baseline", () => {
  test("lets what it names pass, up to the end of its last day, and the verdict stays", () => {
    const result = held(lax, entry());
    expect(standingOf(lax)).toBe("failed");
    expect(standingOf(result)).toBe("passed");
    expect(result.ok).toBe(true);
    expect(result.endpoints[0]?.verdict).toBe("bypassed");
    expect(result.endpoints[0]?.attacks[0]?.tolerated).toEqual({
      expires: "2026-11-23",
      reason: "the old gateway goes in December",
    });
    expect(standingOf(applyBaseline(lax, [entry()], NOW + 60_000))).toBe("failed");
  });

  test("of an earlier run lets nothing pass after its last day, and says so", () => {
    const result = held(lax, entry({ tls: "1.3" }), entry({ tls: "1.2", expires: "2026-12-31" }));
    expect(withoutExpired(result, NOW)).toBe(result);
    expect(standingOf(result)).toBe("passed");
    const later = withoutExpired(result, NOW + 60_000);
    expect([standingOf(later), later.ok]).toEqual(["failed", false]);
    expect(later.baseline?.expired).toEqual([entry({ tls: "1.3" })]);
    expect(later.endpoints[0]?.attacks.map(({ tolerated }) => tolerated?.expires)).toEqual([
      undefined,
      "2026-12-31",
    ]);
  });

  test.each<[string, Partial<BaselineEntry>]>([
    ["another attack", { attack: "wrong-ca" }],
    ["another target", { target: "https://gateway.example/other" }],
    ["one of two versions", { tls: "1.2" }],
    ["a day that is over", { expires: "2026-11-22" }],
  ])("does not let pass what it does not name: %s", (_, changes) => {
    expect(standingOf(held(lax, entry(changes)))).toBe("failed");
  });

  test.each([
    ["https://GATEWAY.example", true],
    ["HTTPS://gateway.example:443", true],
    ["GET https://gateway.example/", true],
    ["h2://gateway.example/", false],
    ["https://gateway.example:8443/", false],
    ["HEAD https://gateway.example/", false],
    ["https://gateway.example/Other", false],
    ["no URL", false],
  ])("names the target as %s: %s", (target, isSame) => {
    const [spelled] = spelledAsProbed([entry({ target })], lax);
    expect(spelled).toEqual(entry({ target: isSame ? "https://gateway.example/" : target }));
    expect(spelledAsProbed([entry()], lax)).toEqual([entry()]);
    const odd = probeResult(endpointResult([accepted()], { target: "no URL" }));
    expect(spelledAsProbed([entry({ target })], odd)).toEqual([entry({ target })]);
  });

  test("never hides what is not established", () => {
    const doubtful = attackResult({ id: "wrong-ca", outcome: "inconclusive", evidence: "timeout" });
    const result = held(
      probeResult(endpointResult([accepted(), doubtful])),
      entry(),
      entry({ attack: "wrong-ca" }),
    );
    expect(standingOf(result)).toBe("inconclusive");
    const silent = endpointResult([accepted()], { doubts: ["the valid client on TLS 1.2: timeout"] });
    expect(standingOf(held(probeResult(silent), entry()))).toBe("inconclusive");
    expect(standingOf(held({ ...lax, interrupted: true }, entry()))).toBe("inconclusive");
  });

  test("tells which entries are over, and which are not needed any more", () => {
    const over = entry({ expires: "2026-01-01" });
    const mended = entry({ attack: "wrong-ca" });
    const notRun = entry({ attack: "revoked" });
    const elsewhere = entry({ target: "https://other.example/" });
    const result = held(
      probeResult(
        endpointResult([
          accepted(),
          attackResult({ id: "wrong-ca" }),
          attackResult({ id: "revoked", outcome: "not-run" }),
        ]),
      ),
      entry(),
      over,
      mended,
      notRun,
      elsewhere,
    );
    expect(result.baseline).toEqual({ expired: [over], unused: [mended] });
  });

  test("changes nothing but the marks, whatever the result", () => {
    fc.assert(
      fc.property(anyProbeResult, (result) => {
        const all = result.endpoints.flatMap(({ target, attacks }) =>
          attacks.map(({ id }) => entry({ target, attack: id })),
        );
        const after = held(result, ...all);
        const expected =
          standingOf(result) === "inconclusive" ? ["inconclusive"] : ["passed", "inconclusive"];
        expect(expected).toContain(standingOf(after));
        expect(
          after.endpoints.map((one) => ({
            ...one,
            attacks: one.attacks.map((attack) => ({ ...attack, tolerated: undefined })),
          })),
        ).toEqual(result.endpoints);
      }),
      { numRuns: 50 },
    );
  });

  test("a new one has an entry for each bypass, without a reason", () => {
    const entries = entriesFor(held(lax, entry({ tls: "1.2" })), "2026-12-23");
    expect(entries).toEqual([entry({ tls: "1.3", expires: "2026-12-23", reason: "" })]);
  });
});
