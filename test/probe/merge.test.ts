import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { mergeResults, partOf } from "../../src/probe/merge.ts";
import {
  type EndpointResult,
  NOT_SELECTED,
  type ProbeResult,
  type Selection,
  standingOf,
} from "../../src/probe/result.ts";
import { attackResult, endpointResult, probeResult, selection } from "../report/support/fixtures.ts";

const TARGETS = ["https://a.example/", "https://b.example/", "https://c.example/"];

/** An attack as strict servers answer it, on both versions. */
const onBoth = (changes: Parameters<typeof attackResult>[0] = {}) =>
  (["1.3", "1.2"] as const).map((tls) => attackResult({ ...changes, tls }));

/** The results of `count` shards over TARGETS, all of them enforced. */
function shards(count: number, targets = TARGETS): ProbeResult[] {
  return Array.from({ length: count }, (_, i) => {
    const shard = { index: i + 1, count, targets };
    const own = partOf(targets, shard);
    const endpoints = own.map((target) => endpointResult(onBoth(), { target }));
    return { ...probeResult(...endpoints), shard, selection: selection() };
  });
}

const merge = (...results: ProbeResult[]) =>
  mergeResults(results.map((result, i) => ({ name: `${i}.json`, result })));

function faultOf(...results: ProbeResult[]): FleetsecError | undefined {
  try {
    merge(...results);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "input") return error;
    throw error;
  }
  return undefined;
}

const refusal = (...results: ProbeResult[]) => faultOf(...results)?.message ?? "accepted";

/** The same with another selection, as its attacks tell it too. */
function asked(result: ProbeResult, changes: Partial<Selection>): ProbeResult {
  const chosen = selection(changes);
  const attacks = ["no-cert", "wrong-ca"].flatMap((id) =>
    chosen.attacks.includes(id)
      ? onBoth({ id })
      : [attackResult({ id, tls: null, outcome: "not-run", evidence: NOT_SELECTED })],
  );
  return {
    ...result,
    selection: chosen,
    endpoints: result.endpoints.map((endpoint) => ({ ...endpoint, attacks })),
  };
}

describe("the parts of a split", () => {
  test("hold every item once and in order, and differ by one at most", () => {
    fc.assert(
      fc.property(fc.nat(60), fc.integer({ min: 1, max: 20 }), (length, count) => {
        const items = Array.from({ length }, (_, i) => i);
        const parts = Array.from({ length: count }, (_, i) => partOf(items, { index: i + 1, count }));
        expect(parts.flat()).toEqual(items);
        const sizes = parts.map((part) => part.length);
        expect(Math.max(...sizes) - Math.min(...sizes)).toBeLessThanOrEqual(1);
      }),
    );
  });
});

describe("joining results", () => {
  test("all shards, in any order, make the whole", () => {
    const [one, two, three] = shards(3);
    if (one === undefined || two === undefined || three === undefined) throw new Error("too few");
    const whole = merge(three, one, two);
    expect(whole.summary).toEqual({ enforced: 3, bypassed: 0, inconclusive: 0 });
    expect({ ok: whole.ok, missing: whole.missing, shard: whole.shard }).toEqual({
      ok: true,
      missing: [],
      shard: undefined,
    });
    expect(standingOf(whole)).toBe("passed");
  });

  test("a sibling port stays with its target", () => {
    const [one, two] = shards(2);
    if (one === undefined || two === undefined) throw new Error("too few");
    const sibling = (siblingOf: string) => ({
      ...one,
      ...probeResult(...one.endpoints, {
        ...endpointResult(onBoth(), { target: "https://a.example:2/" }),
        siblingOf,
      }),
    });
    expect(merge(sibling("https://a.example/"), two).summary.enforced).toBe(4);
    expect(refusal(sibling("https://b.example/"), two)).toMatch(/does not hold/);
  });

  test("a shard that is missing leaves it unestablished, and is named with its targets", () => {
    const [one, , three] = shards(3);
    if (one === undefined || three === undefined) throw new Error("too few");
    const part = merge(one, three);
    expect(part.missing).toEqual([{ index: 2, count: 3, targets: ["https://b.example/"] }]);
    expect({ ok: part.ok, standing: standingOf(part) }).toEqual({ ok: false, standing: "inconclusive" });
  });

  test("one bypass, one doubt, one interruption is that of the whole", () => {
    const other = (changes: Parameters<typeof attackResult>[0]) =>
      probeResult(endpointResult([attackResult(changes)], { target: "https://d.example/" }));
    const strict = probeResult(endpointResult([attackResult()]));
    expect(standingOf(merge(strict, other({ outcome: "accepted" })))).toBe("failed");
    expect(standingOf(merge(strict, other({ outcome: "inconclusive" })))).toBe("inconclusive");
    expect(standingOf(merge(strict, { ...other({}), ok: false, interrupted: true }))).toBe("inconclusive");
    expect(standingOf(merge(strict, other({})))).toBe("passed");
  });

  test("what does not fit together is refused", () => {
    const [one, two] = shards(2);
    const [otherSplit] = shards(3);
    const [otherTargets] = shards(2, [...TARGETS, "https://d.example/"]);
    const plain = probeResult(endpointResult(onBoth(), { target: "https://e.example/" }));
    if (!one || !two || !otherSplit || !otherTargets) throw new Error("too few");
    expect(refusal(one, two)).toBe("accepted");
    expect(refusal(one, one)).toMatch(/is in 0\.json and in 1\.json/);
    expect(refusal(plain, plain)).toMatch(/is in 0\.json and in 1\.json/);
    expect(refusal(one, plain)).toMatch(/some are not/);
    expect(refusal(one, otherSplit)).toMatch(/another split/);
    expect(refusal(one, otherTargets)).toMatch(/another split/);
    const holding = (...endpoints: EndpointResult[]) => ({ ...one, ...probeResult(...endpoints) });
    expect(refusal(holding(...plain.endpoints), two)).toMatch(/does not hold the targets of shard 1\/2/);
    expect(refusal(holding(...one.endpoints, ...plain.endpoints), two)).toMatch(/does not hold/);
  });

  test.each<[Partial<Selection>, string]>([
    [{ attacks: ["wrong-ca"] }, "attacks in 0.json alone: no-cert"],
    [{ attacks: ["no-cert", "wrong-ca"] }, "attacks in 1.json alone: wrong-ca"],
    [{ required: ["no-eku"] }, "attacks that are required in 1.json alone: no-eku"],
    [{ identities: ["revoked"] }, "identities that are supplied in 1.json alone: revoked"],
    [{ clientCa: true }, "given in 1.json alone: the CA's key"],
    [{ canary: true }, "given in 1.json alone: a canary"],
    [{ unsafeMethods: true }, "given in 1.json alone: leave for unsafe methods"],
    [{ timeout: 5 }, "given in 1.json alone: a time-out of 5 s"],
    [{ certificates: ["client sha256:ab"] }, "certificates in 1.json alone: client sha256:ab"],
    [
      { serverNames: ["https://a.example/ as b.example"] },
      "server names in 1.json alone: https://a.example/ as b.example",
    ],
    [{ version: "1.2.4" }, "versions of fleetsec in 1.json alone: 1.2.4"],
    [{ siblings: ["https://a.example:2/"] }, "sibling ports in 1.json alone: https://a.example:2/"],
    [
      { expectations: ["https://a.example/: truck is denied"] },
      "expectations in 1.json alone: https://a.example/: truck is denied",
    ],
  ])("shards that were asked to try other things are refused: %j", (changes, problem) => {
    const [one, two] = shards(2);
    if (one === undefined || two === undefined) throw new Error("too few");
    const other = asked(two, changes);
    expect(faultOf(one, other)).toMatchObject({
      message: "the shards were not asked to try the same",
      problems: expect.arrayContaining([problem]) as string[],
      hint: expect.stringContaining("all but --shard") as string,
    });
    expect(merge(asked(one, changes), other).selection).toEqual(selection(changes));
  });

  test("so is one that does not say what it was asked for", () => {
    const [one, two] = shards(2);
    if (one === undefined || two === undefined) throw new Error("too few");
    const { selection: _, ...silent } = two;
    expect(faultOf(one, silent)?.problems).toEqual(["1.json does not say what it tried"]);
    expect(faultOf(silent, one)?.problems).toEqual(["0.json does not say what it tried"]);
  });

  test("of different targets, what each was asked for is its own", () => {
    const plain = (target: string) => ({
      ...probeResult(endpointResult(onBoth(), { target })),
      selection: selection(),
    });
    const [one, two] = [plain("https://a.example/"), plain("https://b.example/")];
    expect(merge(one, two).selection).toEqual(selection());
    const joined = merge(one, asked(two, { attacks: ["wrong-ca"] }));
    expect(joined).toMatchObject({ ok: true });
    expect(joined.selection).toBeUndefined();
  });

  test("what is only reported, what there is to try and what was tried is not for a document to say", () => {
    const told = (changes: Parameters<typeof attackResult>[0]) =>
      refusal(probeResult(endpointResult([attackResult(), attackResult(changes)])));
    const accepted = { outcome: "accepted", reportedOnly: true } as const;
    expect(told({ ...accepted, id: "no-eku" })).toBe("accepted");
    expect(told({ ...accepted, tls: "1.2" })).toMatch(/contradicts itself/);
    expect(told({ id: "no-such" })).toMatch(/tells of an attack that there is not: no-such/);
    const [one] = shards(1);
    if (one === undefined) throw new Error("none");
    expect(refusal(one)).toBe("accepted");
    const wanted = selection({ attacks: ["no-cert", "wrong-ca"] });
    const telling = (...attacks: EndpointResult["attacks"][number][]) =>
      refusal({ ...one, selection: wanted, endpoints: one.endpoints.map((each) => ({ ...each, attacks })) });
    expect(telling(...onBoth(), ...onBoth({ id: "wrong-ca" }))).toBe("accepted");
    expect(telling(...onBoth())).toMatch(/contradicts itself/);
    expect(telling(...onBoth(), attackResult({ id: "wrong-ca", tls: "1.3" }))).toMatch(/contradicts itself/);
    expect(refusal({ ...one, selection: selection({ attacks: ["wrong-ca"] }) })).toMatch(
      /contradicts itself/,
    );
  });

  test("a document whose sums its endpoints contradict is refused", () => {
    const good = (target: string) => probeResult(endpointResult([attackResult()], { target }));
    const [one, other] = [good("https://a.example/"), good("https://b.example/")];
    expect(refusal(one, other)).toBe("accepted");
    const changed = (change: Partial<ProbeResult>) => refusal({ ...one, ...change }, other);
    const none = { enforced: 0, bypassed: 0, inconclusive: 0 };
    expect(changed({ ok: false })).toMatch(/contradicts itself about whether it is ok/);
    expect(changed({ interrupted: true })).toMatch(/contradicts itself about whether it is ok/);
    expect(changed({ ok: false, interrupted: true })).toBe("accepted");
    for (const verdict of ["enforced", "bypassed", "inconclusive"] as const) {
      const summary = { ...one.summary, [verdict]: 3 };
      expect(changed({ summary })).toMatch(/contradicts itself about how many have which verdict/);
    }
    expect(changed({ summary: none })).toMatch(/contradicts itself/);
    // not even an interrupted run is without an endpoint
    for (const change of [{ ok: true }, { ok: false }, { ok: false, interrupted: true }]) {
      expect(changed({ summary: none, endpoints: [], ...change })).toMatch(/looked at nothing/);
      expect(changed({ endpoints: [], ...change })).toMatch(/looked at nothing/);
    }
  });

  test("so is one whose verdict its reasons contradict", () => {
    const of = (
      outcome: "refused" | "accepted" | "inconclusive",
      change: (endpoint: EndpointResult) => Partial<EndpointResult> = () => ({}),
    ) => {
      const endpoint = endpointResult([attackResult({ outcome })]);
      return refusal(probeResult({ ...endpoint, ...change(endpoint) }));
    };
    for (const outcome of ["refused", "accepted", "inconclusive"] as const)
      expect(of(outcome)).toBe("accepted");
    expect(of("refused", () => ({ reasons: ["the valid client: HTTP 500"] }))).toMatch(/contradicts itself/);
    expect(of("accepted", () => ({ reasons: [] }))).toMatch(/contradicts itself/);
    expect(of("inconclusive", () => ({ reasons: [] }))).toMatch(/contradicts itself/);
    expect(of("inconclusive", ({ doubts }) => ({ reasons: [...doubts, "more"] }))).toMatch(
      /contradicts itself/,
    );
  });

  test("a document whose verdict its attacks contradict is refused", () => {
    const edited = (verdict: "enforced" | "bypassed", outcome: "refused" | "accepted" | "inconclusive") =>
      probeResult(endpointResult([attackResult({ outcome })], { verdict }));
    expect(refusal(edited("enforced", "accepted"))).toMatch(/contradicts itself/);
    expect(refusal(edited("enforced", "inconclusive"))).toMatch(/contradicts itself/);
    expect(refusal(edited("bypassed", "refused"))).toMatch(/contradicts itself/);
    expect(refusal(edited("enforced", "refused"))).toBe("accepted");
  });

  test("so is one that is enforced by nothing", () => {
    const good = endpointResult([attackResult()]);
    const changed = (change: Partial<EndpointResult>) => refusal(probeResult({ ...good, ...change }));
    const unserved = good.control.map((one) => ({ ...one, outcome: "refused" as const }));
    expect(changed({ control: unserved })).toMatch(/contradicts itself/);
    expect(changed({ control: [] })).toMatch(/contradicts itself/);
    expect(changed({ attacks: [attackResult({ outcome: "not-run" })] })).toMatch(/contradicts itself/);
    expect(changed({ attacks: [] })).toMatch(/contradicts itself/);
    for (const outcome of ["not-applicable", "not-run"] as const) {
      const gap = [attackResult({ outcome }), attackResult({ id: "wrong-ca" })];
      expect(changed({ attacks: gap })).toMatch(/contradicts itself/);
      // on a version that serves no valid client nothing needs to be tried
      const elsewhere = good.control.map((one) =>
        one.tls === "1.3" ? { ...one, outcome: "refused" as const } : one,
      );
      expect(changed({ attacks: gap, control: elsewhere })).toBe("accepted");
    }
    expect(changed({})).toBe("accepted");
  });
});
