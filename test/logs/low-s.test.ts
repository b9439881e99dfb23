import { generateKeyPairSync, sign, verify } from "node:crypto";
import { expect, test } from "vitest";
import { hasLowS, withLowS } from "../../src/logs/low-s.ts";
import { localSigner, signNote } from "../../src/logs/signer.ts";
import { parseNote } from "../../src/logs/note.ts";
import { signatureBy, verifierKey, verifySignature } from "../../src/logs/verifier-key.ts";
import { withOtherS } from "./verify/mutations.ts";

const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
const text = Buffer.from("log.example/a\n1\nAAAA\n");

test("every signature has one form, which holds", () => {
  const before = new Set<boolean>();
  for (let i = 0; i < 200; i += 1) {
    const signature = sign("sha256", text, privateKey);
    before.add(hasLowS(signature));
    const low = withLowS(signature);
    expect(hasLowS(low)).toBe(true);
    expect(Buffer.compare(withLowS(low), low)).toBe(0);
    expect(Buffer.compare(low, signature) === 0).toBe(hasLowS(signature));
    expect(verify("sha256", text, publicKey, low)).toBe(true);
  }
  expect(before).toEqual(new Set([false, true]));
});

test("short integers keep their form: s = 1 and n - 1, r = 1", () => {
  const order = "ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551";
  const most = `${order.slice(0, -2)}50`;
  expect(hasLowS(Buffer.from("3006020101020101", "hex"))).toBe(true);
  const high = Buffer.from(`3026020101022100${most}`, "hex");
  expect(hasLowS(high)).toBe(false);
  expect(Buffer.from(withLowS(high)).toString("hex")).toBe("3006020101020101");
});

test("whatever a device signs, a note has that form", async () => {
  const key = verifierKey("log.example/a", "p256", publicKey);
  const local = localSigner(key, privateKey);
  for (const low of [true, false]) {
    const device = {
      key,
      async sign(data: string) {
        for (;;) {
          const signature = await local.sign(data);
          if (hasLowS(signature) === low) return signature;
        }
      },
    };
    const note = Buffer.from(await signNote(text.toString(), [device]));
    const signatureIn = (bytes: Buffer) => signatureBy(key, parseNote(bytes))?.signature ?? Buffer.of();
    expect(hasLowS(signatureIn(note))).toBe(true);
    // what the tests forge holds too, and is the other one
    const forged = signatureIn(withOtherS(note));
    expect(verifySignature(key, text, forged)).toBe(true);
    expect(hasLowS(forged)).toBe(false);
  }
});
