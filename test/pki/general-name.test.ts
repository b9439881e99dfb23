import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { encodeGeneralName, formatIp, ipBytes } from "../../src/pki/general-name.ts";

const hex = (data: Uint8Array) => Buffer.from(data).toString("hex");
const inputError = expect.objectContaining({ code: "input" }) as Error;

describe("general names", () => {
  test("addresses read back", () => {
    fc.assert(
      fc.property(fc.oneof(fc.ipV4(), fc.ipV6()), (text) => {
        const bytes = ipBytes(text);
        expect(ipBytes(formatIp(bytes))).toEqual(bytes);
      }),
    );
  });

  test("IPv6 is shown in the form of RFC 5952, which WHATWG's URL uses too", () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        expect(`[${formatIp(ipBytes(text))}]`).toBe(new URL(`http://[${text}]/`).hostname);
      }),
    );
  });

  test("known encodings", () => {
    expect(hex(encodeGeneralName({ type: "dns", value: "a.b" }))).toBe("8203612e62");
    expect(hex(encodeGeneralName({ type: "ip", value: "127.0.0.1" }))).toBe("87047f000001");
    expect(hex(ipBytes("::ffff:1.2.3.4"))).toBe("00000000000000000000ffff01020304");
    expect(hex(encodeGeneralName({ type: "ip-range", value: "10.9.0.0/12" }))).toBe("87080a000000fff00000");
    expect(hex(encodeGeneralName({ type: "ip-range", value: "0.0.0.0/0" }))).toBe("87080000000000000000");
    expect(hex(encodeGeneralName({ type: "dn", value: Uint8Array.of(0x30, 0) }))).toBe("a4023000");
  });

  test.each(["", "1.2.3", "1.2.3.256", "01.2.3.4", "fe80::1%eth0", ":::", "1::2::3"])(
    "%j is no address",
    (text) => {
      expect(() => ipBytes(text)).toThrow(inputError);
    },
  );

  test.each(["10.0.0.0", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/8/8", "::/129"])(
    "%j is no range",
    (value) => {
      expect(() => encodeGeneralName({ type: "ip-range", value })).toThrow(inputError);
    },
  );

  test("text beyond ASCII and NUL are refused", () => {
    expect(() => encodeGeneralName({ type: "dns", value: "ä.example" })).toThrow(inputError);
    expect(() => encodeGeneralName({ type: "uri", value: "spiffe://a/\0" })).toThrow(inputError);
  });
});
