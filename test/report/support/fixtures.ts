import {
  type AttackResult,
  type EndpointResult,
  type ProbeResult,
  type Selection,
  standingOf,
  summaryOf,
} from "../../../src/probe/result.ts";

/** An attack as a strict server answers it, but for what is changed. */
export const attackResult = (changes: Partial<AttackResult> = {}): AttackResult => ({
  id: "no-cert",
  title: "no certificate",
  tls: "1.3",
  outcome: "refused",
  layer: "tls",
  evidence: "alert certificate_required",
  meaning: "anyone who can reach the port is served",
  reference: "RFC 8446 section 4.4.2.4",
  fix: "nginx: ssl_verify_client on;\nGo: tls.Config{ClientAuth: tls.RequireAndVerifyClientCert}",
  reportedOnly: false,
  ...changes,
});

/** An endpoint with the verdict that its attacks make. */
export function endpointResult(
  attacks: readonly AttackResult[],
  changes: Partial<EndpointResult> = {},
): EndpointResult {
  const described = (outcome: AttackResult["outcome"]) =>
    attacks
      .filter((one) => one.outcome === outcome && !one.reportedOnly)
      .map(({ id, tls, evidence }) => `${id}${tls === null ? "" : ` on TLS ${tls}`}: ${evidence}`);
  const [accepted, doubts] = [described("accepted"), described("inconclusive")];
  return {
    target: "https://gateway.example/",
    address: "192.0.2.1",
    verdict: accepted.length > 0 ? "bypassed" : doubts.length > 0 ? "inconclusive" : "enforced",
    reasons: accepted.length > 0 ? accepted : doubts,
    doubts,
    control: [
      { tls: "1.3", outcome: "accepted", evidence: "HTTP 200" },
      { tls: "1.2", outcome: "accepted", evidence: "HTTP 200" },
    ],
    attacks,
    ...changes,
  };
}

export function probeResult(...endpoints: readonly EndpointResult[]): ProbeResult {
  const result = { ok: false, summary: summaryOf(endpoints), endpoints, unreachable: [], interrupted: false };
  return { ...result, ok: standingOf(result) === "passed" };
}

/** What a run is asked for that tries `no-cert` alone, but for what is changed. */
export const selection = (changes: Partial<Selection> = {}): Selection => ({
  attacks: ["no-cert"],
  required: [],
  identities: [],
  clientCa: false,
  canary: false,
  unsafeMethods: false,
  siblings: [],
  serverNames: [],
  certificates: [],
  timeout: null,
  version: "1.2.3",
  expectations: [],
  ...changes,
});

const versions = ["1.3", "1.2"] as const;
const onEach = (changes: Partial<AttackResult>) => versions.map((tls) => attackResult({ ...changes, tls }));

/** Every verdict, outcome and baseline state at once, with text as hostile servers send it. */
export const manyFacedProbe: ProbeResult = {
  ...probeResult(
    endpointResult([
      ...onEach({}),
      ...onEach({
        id: "no-eku",
        title: "without extended key usage",
        outcome: "accepted",
        reportedOnly: true,
      }),
      attackResult({ id: "tls10", title: "over TLS 1.0", tls: null, outcome: "not-applicable" }),
    ]),
    endpointResult(
      [
        ...onEach({ outcome: "accepted", evidence: "HTTP 200 <script>alert(1)</script> & \u001b[2J" }),
        ...onEach({
          id: "wrong-ca",
          title: "from an unrelated CA",
          outcome: "accepted",
          evidence: "HTTP 200, as the control",
          tolerated: { expires: "2027-01-31", reason: "the old gateway goes in January" },
        }),
        attackResult({ id: "plaintext", title: "no TLS at all", tls: null }),
      ],
      { target: "https://lax.example/a/rather/long/path/that/has/to/be/broken/somewhere?x=1" },
    ),
    endpointResult([
      ...onEach({ outcome: "inconclusive", evidence: "TCP: ECONNREFUSED" }),
      ...onEach({
        id: "revoked",
        title: "a revoked certificate",
        outcome: "not-run",
        evidence: "needs a key",
      }),
    ]),
  ),
  unreachable: [{ target: "https://gateway.example/", address: "::1", reason: "ECONNREFUSED" }],
  baseline: {
    expired: [
      { attack: "no-cert", target: "https://lax.example/", expires: "2026-01-31", reason: "until spring" },
    ],
    unused: [],
  },
};
