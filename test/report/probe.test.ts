import { NAMES_HTTP3 } from "../../src/probe/answer.ts";
import { stripVTControlCharacters } from "node:util";
import { describe, expect, test } from "vitest";
import {
  type AttackResult,
  type EndpointResult,
  NOT_SELECTED,
  type ProbeResult,
} from "../../src/probe/result.ts";
import { probeText } from "../../src/report/probe.ts";
import { styleFor } from "../../src/report/style.ts";
import { attackResult as attack } from "./support/fixtures.ts";

function resultOf(
  verdict: EndpointResult["verdict"],
  attacks: readonly AttackResult[],
  target = "https://gateway.example/",
): ProbeResult {
  const endpoint: EndpointResult = {
    target,
    address: "192.0.2.1",
    verdict,
    reasons: verdict === "enforced" ? [] : ["no-cert on TLS 1.3: something"],
    doubts: verdict === "inconclusive" ? ["no-cert on TLS 1.3: something"] : [],
    control: [
      { tls: "1.3", outcome: "accepted", evidence: "HTTP 200" },
      { tls: "1.2", outcome: "refused", evidence: "TLS 1.2 is not offered" },
    ],
    attacks,
  };
  const summary = { enforced: 0, bypassed: 0, inconclusive: 0, [verdict]: 1 };
  return { ok: verdict === "enforced", summary, endpoints: [endpoint], unreachable: [], interrupted: false };
}

const plain = { style: await styleFor(false), columns: 80 };
const ALL = ["refused", "accepted", "not-applicable", "inconclusive", "not-run"] as const;

describe("where nothing could be tried, one line says so", () => {
  const refusing = { outcome: "inconclusive", layer: "tcp", evidence: "TCP: ECONNREFUSED" } as const;
  const versions = [
    attack(refusing),
    attack({ ...refusing, id: "wrong-ca" }),
    attack({ id: "wrong-ca", tls: "1.2", outcome: "not-run", evidence: "not reached" }),
  ];
  const left = attack({ id: "expired", tls: null, outcome: "not-run", evidence: NOT_SELECTED });
  const textOf = (attacks: readonly AttackResult[], changes: Partial<EndpointResult> = {}) => {
    const result = resultOf("inconclusive", attacks);
    const control = [{ tls: "1.3" as const, ...refusing }];
    const endpoints = result.endpoints.map((one) => ({ ...one, control, ...changes }));
    return probeText({ ...result, endpoints }, plain);
  };

  test("HTTP/3 that a valid client was told of is noted", () => {
    const noted = (evidence: string) =>
      textOf([attack({})], { control: [{ tls: "1.3", outcome: "accepted", evidence }] });
    expect(noted(`HTTP 200; ${NAMES_HTTP3}`)).toContain(`note: ${NAMES_HTTP3}`);
    expect(noted("HTTP 200")).not.toContain("note:");
  });
  const verdict = "\n\n? INCONCLUSIVE: nothing is proved either way\n\n1 endpoint: 1 inconclusive";
  const where = "https://gateway.example/ at 192.0.2.1";

  test("a port that refuses connections", () => {
    const line = "? not reachable (TCP: ECONNREFUSED): 2 attacks not tried";
    expect(textOf(versions)).toBe(`${where}\n${line}${verdict}`);
    const narrowed = verdict.replace("way\n", "way; 1 of 3 attacks not selected\n");
    expect(textOf([...versions, left])).toBe(`${where}\n${line}${narrowed}`);
  });

  test("one that speaks no TLS", () => {
    const noTls = { layer: "tls", evidence: "the port does not speak TLS" } as const;
    const control = [{ tls: "1.3" as const, outcome: "inconclusive" as const, evidence: noTls.evidence }];
    const text = textOf([attack({ ...refusing, ...noTls })], { control });
    const line = "? nothing to attack (the port does not speak TLS): 1 attack not tried";
    expect(text).toBe(`${where}\n${line}${verdict}`);
  });

  test("a name that does not resolve", () => {
    const attacks = [attack({ outcome: "not-run", evidence: "not reached" })];
    const text = textOf(attacks, { control: [], doubts: ["gateway.example does not resolve"] });
    expect(text).toContain("? gateway.example does not resolve: 1 attack not tried\n");
  });

  test("but where anything differs, all is shown", () => {
    expect(textOf([...versions, attack({ id: "expired" })])).toContain("expired");
    expect(textOf([...versions, attack({ ...refusing, evidence: "TCP: EPIPE" })])).toContain(
      "a valid client",
    );
    expect(textOf(versions, { control: [] })).toContain("not reachable");
    const served = [{ tls: "1.2" as const, outcome: "accepted" as const, evidence: "HTTP 200" }];
    expect(textOf(versions, { control: served })).toContain("a valid client");
  });
});

describe("the terminal report", () => {
  test("each outcome reads without colour, and colour adds no character", async () => {
    const result = resultOf(
      "bypassed",
      ALL.map((outcome, i) => attack({ id: `attack-${i}`, outcome })),
    );
    const text = probeText(result, plain);
    for (const word of ["✓ refused", "✗ ACCEPTED", "– n/a", "? unclear", "· not run"])
      expect(text).toContain(word);
    expect(stripVTControlCharacters(probeText(result, { ...plain, style: await styleFor(true) }))).toBe(text);
  });

  test.each([
    [5, "· not run: left-0, left-1, left-2, left-3, left-4: not selected"],
    [6, "· not run: 6 attacks: not selected"],
  ])("of %i attacks that were left out it says what is worth reading", (count, line) => {
    const left = Array.from({ length: count }, (_, i) =>
      attack({ id: `left-${i}`, outcome: "not-run", evidence: NOT_SELECTED }),
    );
    const text = probeText(resultOf("enforced", [attack({}), ...left]), plain);
    expect(text.split("\n")).toContain(line);
  });

  test.each(["enforced", "bypassed", "inconclusive"] as const)(
    "the verdict %s says how much of the battery it does not stand for",
    (verdict) => {
      const left = attack({ id: "wrong-ca", tls: null, outcome: "not-run", evidence: NOT_SELECTED });
      const lastOf = (attacks: readonly AttackResult[]) => {
        const lines = probeText(resultOf(verdict, attacks), { ...plain, columns: 200 }).split("\n");
        return lines.find((line) => line.includes(verdict.toUpperCase()));
      };
      const whole = lastOf([attack({}), { ...left, evidence: "needs a key" }]);
      expect(whole).not.toContain("selected");
      expect(lastOf([attack({}), left])).toBe(`${whole}; 1 of 2 attacks not selected`);
    },
  );

  test("an endpoint says what it was called in TLS, and which port it is beside", () => {
    const { endpoints, ...rest } = resultOf("enforced", [attack({})]);
    const siblingOf = "https://gateway.example:8443/";
    const named = endpoints.map((one) => ({ ...one, serverName: "fleet.internal", siblingOf }));
    const unreachable = [{ target: "https://b.example/", address: "::1", siblingOf, reason: "ECONNREFUSED" }];
    const text = probeText({ ...rest, endpoints: named, unreachable }, { ...plain, columns: 200 });
    expect(text).toContain(
      "https://gateway.example/ at 192.0.2.1 as fleet.internal, a sibling port of https://gateway.example:8443/",
    );
    expect(text).toContain("· https://b.example/ refuses connections at ::1, a sibling port of https://gate");
  });

  test("names of attacks are never cut for the sake of titles, which are left out first", () => {
    const id = "empty-certificate-with-verify";
    const result = resultOf("enforced", [
      attack({ id, title: "an empty Certificate and a CertificateVerify" }),
      attack({ id: "h2c-upgrade", title: "no certificate, upgraded to h2c" }),
      attack({ id: "h2c-upgrade", title: "no certificate, upgraded to h2c", tls: null }),
    ]);
    const wide = probeText(result, { ...plain, columns: 120 }).split("\n");
    expect(wide).toContainEqual(
      expect.stringMatching(/^empty-certificate-with-verify {2}an empty Cert.*verify? /i),
    );
    const narrow = probeText(result, plain).split("\n");
    expect(narrow.slice(1, 6).map((line) => line.trimEnd())).toEqual([
      "                               TLS 1.3    TLS 1.2",
      "a valid client                 served     not served",
      "empty-certificate-with-verify  ✓ refused",
      "h2c-upgrade                    ✓ refused",
      "h2c-upgrade, no TLS            ✓ refused",
    ]);
  });

  test.each([40, 80, 120])("no line is longer than %i columns", (columns) => {
    const long = "a very long piece of evidence, as a server may give it ".repeat(5);
    const result = resultOf(
      "bypassed",
      ALL.map((outcome) => attack({ outcome, evidence: long, id: `x-${outcome}` })),
    );
    const lines = probeText(result, { ...plain, columns }).split("\n");
    expect(lines.filter((line) => line.length > Math.max(columns, 60))).toEqual([]);
  });

  test("a fix is told once", () => {
    const accepted = { outcome: "accepted" } as const;
    const text = probeText(
      resultOf("bypassed", [attack(accepted), attack({ ...accepted, id: "self-signed" })]),
      plain,
    );
    expect(text.match(/ssl_verify_client on/g)).toHaveLength(1);
    expect(text).toContain("the same settings that stand above, at no-cert");
  });

  test("a fix is told where none stands above: not with a tolerated attack, nor another endpoint's", () => {
    const accepted = { outcome: "accepted" } as const;
    const tolerated = { expires: "2030-01-01", reason: "soon" };
    const first = resultOf("bypassed", [
      attack({ ...accepted, tolerated }),
      attack({ ...accepted, id: "wrong-ca" }),
    ]);
    const second = resultOf("bypassed", [attack({ ...accepted, id: "self-signed" })]);
    const text = probeText({ ...first, endpoints: [...first.endpoints, ...second.endpoints] }, plain);
    expect(text.match(/ssl_verify_client on/g)).toHaveLength(2);
    expect(text).not.toContain("above");
  });

  test("what is only reported is no failure, and comes without a fix", () => {
    const text = probeText(
      resultOf("enforced", [attack({}), attack({ id: "no-eku", outcome: "accepted", reportedOnly: true })]),
      plain,
    );
    expect(text).toContain("! no-eku is accepted on TLS 1.3 (reported, no failure)");
    expect(text).not.toContain("ssl_verify_client");
    expect(text).toContain("ENFORCED: 1 attack refused");
  });

  test("what an interruption, an address and a doubt leave behind is said", () => {
    const unreachable = [{ target: "https://gateway.example/", address: "::1", reason: "ECONNREFUSED" }];
    const text = probeText(
      { ...resultOf("inconclusive", [attack({ outcome: "inconclusive" })]), unreachable, interrupted: true },
      plain,
    );
    expect(text).toContain("? not established");
    expect(text).toContain("refuses connections at ::1 (ECONNREFUSED)");
    expect(text).toContain("interrupted");
    expect(text).toContain("INCONCLUSIVE");
  });

  test("the last line says what no verdict tells of", () => {
    const enforced = resultOf("enforced", [attack()]);
    const lastLine = (changes: Partial<ProbeResult>) =>
      probeText({ ...enforced, ...changes }, plain)
        .split("\n")
        .at(-1);
    const target = "GET https://gateway.example/{n}";
    const unasked = { target, reason: "no example", wanted: true } as const;
    const missing = { index: 2, count: 2, targets: [target] };
    expect(lastLine({})).toBe("1 endpoint: 1 enforced");
    expect(lastLine({ leftOut: [{ target, reason: "POST may change something" }] })).toBe(
      "1 endpoint: 1 enforced",
    );
    expect(lastLine({ leftOut: [unasked] })).toBe(
      "1 endpoint: 1 enforced; not established: 1 operation not asked",
    );
    expect(lastLine({ leftOut: [unasked, unasked], missing: [missing], interrupted: true })).toBe(
      "1 endpoint: 1 enforced; not established: 2 operations not asked, 1 shard missing, what was not reached",
    );
  });

  test("text from outside cannot steer the terminal", () => {
    const hostile = "\u001b[2J\u202eevil";
    const text = probeText(
      resultOf("bypassed", [attack({ outcome: "accepted", evidence: hostile })], `https://x/${hostile}`),
      plain,
    );
    expect(text).not.toContain("\u001b");
    expect(text).not.toContain("\u202e");
  });
});
