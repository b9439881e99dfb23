import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { FleetsecError } from "../../src/errors.ts";
import { decodePem, decodeSinglePem, encodePem } from "../../src/pki/pem.ts";

const inputError = expect.objectContaining({ code: "input" }) as Error;
const labels = ["CERTIFICATE"];
const block = encodePem(
  "CERTIFICATE",
  Uint8Array.from({ length: 100 }, (_, i) => i),
);

describe("PEM", () => {
  test("reads back, with either kind of line end", () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { minLength: 1, maxLength: 5 }),
        (list) => {
          const text = list.map((der) => encodePem("CERTIFICATE", der)).join("");
          for (const variant of [text, text.replaceAll("\n", "\r\n")]) {
            expect(decodePem(variant, "f", labels).map(({ der }) => Uint8Array.from(der))).toEqual(list);
          }
        },
      ),
    );
  });

  test.each([
    ["nothing", ""],
    ["white space only", "\n\n"],
    ["text before", `hello\n${block}`],
    ["text after", `${block}hello\n`],
    ["no END line", block.slice(0, 90)],
    ["another END line", block.replace("END CERTIFICATE", "END X509 CRL")],
    ["another label", block.replaceAll("CERTIFICATE", "PRIVATE KEY")],
    ["characters that are no base64", block.replace("AAEC", "AA!C")],
    ["a character less", block.replace("AAEC", "AEC")],
    ["base64 with set padding bits", "-----BEGIN CERTIFICATE-----\nAB==\n-----END CERTIFICATE-----\n"],
    ["an empty block", "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n"],
    ["headers", block.replace("\n", "\nProc-Type: 4,ENCRYPTED\n\n")],
    ["a byte order mark", `\ufeff${block}`],
    ["DER", "0\u0082"],
    ["too many blocks", block.repeat(2001)],
  ])("%s is refused", (_, text) => {
    expect(() => decodePem(text, "f", labels)).toThrow(inputError);
  });

  test("one block is expected and two are refused", () => {
    expect(decodeSinglePem(block, "f", labels).label).toBe("CERTIFICATE");
    expect(() => decodeSinglePem(block + block, "f", labels)).toThrow(inputError);
  });

  test("any text is refused or reads back to itself", () => {
    fc.assert(
      fc.property(fc.string(), (body) => {
        const text = `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
        const canonical = body.replaceAll(/\s/g, "");
        expect([canonical, "input"]).toContain(base64Or(text));
      }),
    );
  });
});

function base64Or(text: string): string {
  try {
    return Buffer.from(decodePem(text, "f", labels)[0]?.der ?? []).toString("base64");
  } catch (error) {
    return (error as FleetsecError).code;
  }
}
