import type { TlsOptions } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { probe } from "../../src/probe/run.ts";
import { newWorld, outside, requestFor, strictServer, withOutcome, type World } from "./support/probing.ts";
import { httpsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);

describe("an interruption", () => {
  /** Interrupted by the server, as it serves a client for the `count`th time, one by one. */
  const interruptedAt = async (count: number) => {
    const controller = new AbortController();
    let served = 0;
    const port = await httpsServer(strict({ minVersion: "TLSv1.3" }), (_request, response) => {
      served += 1;
      if (served === count) controller.abort(new Error("interrupted"));
      else response.end("hello");
    });
    const request = requestFor(world, `https://localhost:${port}/`, { concurrency: 1 });
    const result = await probe(request, { ...outside, signal: controller.signal }, () => {});
    const [endpoint] = result.endpoints;
    if (endpoint === undefined) throw new Error("no endpoint");
    return { result, endpoint };
  };

  test("ends the run with what is known by then, and casts no other doubts on it", async () => {
    const { result, endpoint } = await interruptedAt(2); // no-eku
    expect(result).toMatchObject({ interrupted: true, ok: false });
    expect(endpoint.verdict).toBe("inconclusive");
    const [reason, ...others] = endpoint.reasons;
    expect(reason).toBe("interrupted before it was done");
    expect(others).toContain("no-cert on TLS 1.3: interrupted before the second control");
    // nothing else is doubtful
    expect(others.filter((one) => !one.endsWith(": interrupted before the second control"))).toEqual([]);
    expect(endpoint.control).toContainEqual({ tls: "1.3", outcome: "accepted", evidence: "HTTP 200" });
    // no refusal counts without the second control
    expect(withOutcome(endpoint, "refused")).toEqual([]);
    expect(endpoint.attacks).toContainEqual(
      expect.objectContaining({
        id: "no-cert",
        tls: "1.3",
        outcome: "inconclusive",
        evidence: "interrupted before the second control",
      }),
    );
    expect(withOutcome(endpoint, "not-run")).toContain("plaintext");
  });

  test("before the first answer leaves everything not run", async () => {
    const { endpoint } = await interruptedAt(1);
    expect(endpoint).toMatchObject({ verdict: "inconclusive", reasons: ["interrupted before it was done"] });
    expect(endpoint.attacks.every(({ outcome }) => outcome === "not-run")).toBe(true);
  });
});
