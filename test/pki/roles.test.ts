import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { globMatches } from "../../src/pki/glob.ts";
import { checkName, defaultNames, formatSan, parseSan, refusalOf } from "../../src/pki/roles.ts";
import { cpuStopwatch } from "../support/cpu.ts";
import { testRole } from "../support/pki.ts";
import { unlessRefused } from "../support/refusal.ts";

describe("globs", () => {
  test.each([
    ["a*c", "abc", true],
    ["a*c", "ac", true],
    ["a*c", "a/c", false],
    ["a**c", "a/b/c", true],
    ["*", "", true],
    ["*", "a.b", true],
    ["**", "a/b", true],
    ["a", "A", false],
    ["a.c", "abc", false],
    ["", "", true],
    ["", "a", false],
    ["spiffe://d/edge/*", "spiffe://d/edge/a/b", false],
    ["spiffe://d/edge/*", "spiffe://d/edgex/a", false],
    ["***", "a/b", true],
  ])("%j over %j is %s", (glob, text, expected) => {
    expect(globMatches(glob, text)).toBe(expected);
  });

  test("agree with a regular expression", () => {
    const alphabet = fc.string({ unit: fc.constantFrom("a", "b", "/", "*", "."), maxLength: 8 });
    fc.assert(
      fc.property(
        alphabet,
        fc.string({ unit: fc.constantFrom("a", "b", "/", "."), maxLength: 8 }),
        (glob, text) => {
          const source = glob.replace(/\*\*|[*.]/g, (token) =>
            token === "**" ? "[^]*" : token === "*" ? "[^/]*" : "\\.",
          );
          expect(globMatches(glob, text)).toBe(new RegExp(`^(?:${source})$`).test(text));
        },
      ),
    );
  });

  test("take no exponential time", () => {
    const spent = cpuStopwatch();
    expect(globMatches("**a".repeat(100), "a".repeat(2000) + "b")).toBe(false);
    expect(spent()).toBeLessThan(2000);
  });
});

describe("names of certificates", () => {
  test("whatever passes is safe as a path and as a DNS name", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom("a", "Z", "0", "-", ".", "/", "\\", "_", "\n") }),
        (name) => {
          const accepted = accepts(name);
          const safe =
            /^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/.test(name) && !/\.\.|\.-|-\./.test(name) && name.length <= 64;
          expect(accepted).toBe(safe);
        },
      ),
    );
    expect([accepts("truck-17.north"), accepts("a")]).toEqual([true, true]);
  });
});

describe("subject alternative names", () => {
  test("read back as they were written", () => {
    for (const text of ["dns:a.b", "ip:10.0.0.1", "ip:::1", "uri:spiffe://fleet.internal/fleet-edge/a"]) {
      expect(formatSan(parseSan(text))).toBe(text);
    }
    expect(formatSan(parseSan("ip:0:0:0:0:0:0:0:1"))).toBe("ip:::1");
  });

  test("any text is refused or reads back", () => {
    const text = fc.tuple(fc.constantFrom("dns:", "ip:", "uri:spiffe://", "x:"), fc.string());
    fc.assert(
      fc.property(text, ([type, rest]) => {
        const san = unlessRefused(() => parseSan(type + rest), "usage");
        expect(san === undefined || formatSan(parseSan(formatSan(san))) === formatSan(san)).toBe(true);
      }),
    );
  });
});

describe("a role", () => {
  const names = (role: typeof testRole, name: string) =>
    defaultNames(role, name, "fleet.internal").map(formatSan);

  test("names a certificate below its first domain, or as it is called where that lies in one", () => {
    const uri = "uri:spiffe://fleet.internal/fleet-edge/";
    expect(names(testRole, "a")).toEqual(["dns:a.fleet.internal", `${uri}a`]);
    expect(names(testRole, "b.fleet.internal")).toEqual(["dns:b.fleet.internal", `${uri}b.fleet.internal`]);
    expect(names({ ...testRole, allowedUriSans: [] }, "a")).toEqual(["dns:a.fleet.internal"]);
    expect(names({ ...testRole, allowedDomains: [] }, "a")).toEqual([`${uri}a`]);
    expect(names({ ...testRole, allowSubdomains: false }, "a")).toEqual([`${uri}a`]);
  });

  test("denies by default name too", () => {
    for (const deny of ["a", "a.fleet.internal", "spiffe://**/a"]) {
      expect(() => names({ ...testRole, deny: [deny] }, "a")).toThrow(
        expect.objectContaining({ code: "refused" }) as Error,
      );
      expect(names({ ...testRole, deny: [deny] }, "b")).toHaveLength(2);
    }
  });

  test.each([
    [{}, "dns:a.fleet.internal", true],
    [{}, "dns:a.b.fleet.internal", true],
    [{}, "dns:fleet.internal", false],
    [{ allowBareDomains: true }, "dns:fleet.internal", true],
    [{ allowSubdomains: false }, "dns:a.fleet.internal", false],
    [{}, "dns:xfleet.internal", false],
    [{}, "dns:fleet.internal.example", false],
    [{}, "ip:10.0.0.1", false],
    [{ allowIpSans: true }, "ip:10.0.0.1", true],
    [{}, "uri:spiffe://fleet.internal/fleet-edge/a", true],
    [{}, "uri:spiffe://other.internal/fleet-edge/a", false],
    [{ deny: ["10.*"], allowIpSans: true }, "ip:10.0.0.1", false],
  ])("with %j judges %s", (change, san, allowed) => {
    expect(refusalOf({ ...testRole, ...change }, parseSan(san)) === undefined).toBe(allowed);
  });

  test("allows no other types of names", () => {
    expect(refusalOf(testRole, { type: "email", value: "a@fleet.internal" })?.message).toContain("email");
  });
});

function accepts(name: string): boolean {
  return unlessRefused(() => checkName(name) ?? true, "usage") ?? false;
}
