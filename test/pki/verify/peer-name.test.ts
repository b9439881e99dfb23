import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { subjectAltName } from "../../../src/pki/extensions.ts";
import { carriesName, matchesDns, parsePeerName } from "../../../src/pki/verify/peer-name.ts";
import { forge } from "./forge.ts";

describe("host names match by RFC 9525", () => {
  test.each<[string, string, boolean]>([
    ["gateway.fleet.internal", "gateway.fleet.internal", true],
    ["Gateway.Fleet.Internal", "gateway.fleet.internal", true],
    ["*.fleet.internal", "gateway.fleet.internal", true],
    ["*.fleet.internal", "fleet.internal", false],
    ["*.fleet.internal", "a.gateway.fleet.internal", false],
    ["*.fleet.internal", ".fleet.internal", false],
    ["*.internal", "fleet.internal", false],
    ["*", "localhost", false],
    ["*.", "a.", false],
    ["g*.fleet.internal", "gateway.fleet.internal", false],
    ["gateway.*.internal", "gateway.fleet.internal", false],
    ["*.*.internal", "a.fleet.internal", false],
    ["gateway.fleet.internal", "*.fleet.internal", false],
    ["*.fleet.internal", "*.fleet.internal", false],
    ["fleet.internal", "evilfleet.internal", false],
    ["localhost", "localhost", true],
    ["xn--bcher-kva.example", "xn--bcher-kva.example", true],
  ])("%s for %s: %s", (presented, wanted, expected) => {
    expect(matchesDns(presented, wanted)).toBe(expected);
  });

  test("a name without a wildcard matches itself only", () => {
    const label = fc.stringMatching(/^[a-z0-9]{1,8}$/);
    const host = fc.array(label, { minLength: 1, maxLength: 4 }).map((labels) => labels.join("."));
    fc.assert(
      fc.property(host, host, label, (a, b, first) => {
        expect(matchesDns(a, b)).toBe(a === b);
        expect(matchesDns(`*.${a}`, `${first}.${b}`)).toBe(a === b && a.includes("."));
      }),
    );
  });
});

describe("a certificate carries a name", () => {
  const carried = async (name: string) => {
    const names = subjectAltName([
      { type: "dns", value: "*.fleet.internal" },
      { type: "dns", value: "192.0.2.9.fleet.internal" },
      { type: "ip", value: "192.0.2.1" },
      { type: "ip", value: "2001:db8::1" },
      { type: "uri", value: "spiffe://fleet.internal/truck-7" },
    ]);
    const { certificate } = await forge({ replace: { subjectAltName: names } });
    return carriesName(certificate, parsePeerName(name));
  };

  test.each([
    "gateway.fleet.internal",
    "gateway.fleet.internal.",
    "192.0.2.1",
    "2001:db8::1",
    "2001:0DB8:0:0:0:0:0:1",
    "spiffe://fleet.internal/truck-7",
  ])("%s", async (name) => {
    expect(await carried(name)).toBe(true);
  });

  test.each([
    "fleet.internal",
    "192.0.2.2",
    "2001:db8::2",
    "::ffff:192.0.2.1",
    "spiffe://fleet.internal/truck-70",
    "spiffe://fleet.internal/Truck-7",
    "SPIFFE://fleet.internal/truck-7",
  ])("but not %s", async (name) => {
    expect(await carried(name)).toBe(false);
  });

  test("never by its common name", async () => {
    const { certificate } = await forge({
      subject: "gateway.fleet.internal",
      replace: { subjectAltName: null },
    });
    expect(carriesName(certificate, parsePeerName("gateway.fleet.internal"))).toBe(false);
  });
});
