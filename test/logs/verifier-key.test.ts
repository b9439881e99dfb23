import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { parseNote } from "../../src/logs/note.ts";
import { localSigner, signNote } from "../../src/logs/signer.ts";
import {
  cosignatureTime,
  cosignedMessage,
  formatVerifierKey,
  parseVerifierKey,
  signatureBy,
  verifierKey,
  verifySignature,
} from "../../src/logs/verifier-key.ts";
import { describeWithVectors } from "../peers/engines.ts";
import { unlessRefused } from "../support/refusal.ts";

const ed25519 = generateKeyPairSync("ed25519");
const p256 = generateKeyPairSync("ec", { namedCurve: "P-256" });
const keys = [
  verifierKey("log.example/a", "ed25519", ed25519.publicKey),
  verifierKey("log.example/a", "p256", p256.publicKey),
  verifierKey("log.example/a", "cosignature/v1", ed25519.publicKey),
];

describe("verifier keys", () => {
  test.each(keys)("of type $type read back", (key) => {
    const text = formatVerifierKey(key);
    expect(formatVerifierKey(parseVerifierKey(text))).toBe(text);
    expect(parseVerifierKey(text).keyId).toBe(key.keyId);
  });

  test("one key has another id for each type", () => {
    expect(new Set(keys.map(({ keyId }) => keyId)).size).toBe(3);
  });

  test("have one form: a changed character is refused or another key", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...keys.map(formatVerifierKey)),
        fc.nat(),
        fc.string({ minLength: 1, maxLength: 1 }),
        (text, at, character) => {
          const changed = text.slice(0, at % text.length) + character + text.slice((at % text.length) + 1);
          const parsed = unlessRefused(() => parseVerifierKey(changed));
          expect(parsed === undefined || formatVerifierKey(parsed) === changed).toBe(true);
        },
      ),
      { numRuns: 500 },
    );
  });

  const [plain = ""] = keys.map(formatVerifierKey);
  test.each([
    ["nothing", ""],
    ["no name", plain.replace(/^[^+]+/, "")],
    ["a space in the name", plain.replace("log", "l g")],
    ["another name", plain.replace("log", "bog")],
    ["an id in capitals", plain.replace(/\+[0-9a-f]{8}\+/, (id) => id.toUpperCase().replace(/\d/g, "A"))],
    ["an unknown type", `k+00000000+${Buffer.alloc(33, 0x07).toString("base64")}`],
    ["a short key", `k+00000000+${Buffer.alloc(32, 0x01).toString("base64")}`],
    ["a newline at the end", `${plain}\n`],
    ["a field too many", `${plain}+`],
  ])("are refused with %s", (_, text) => {
    expect(() => parseVerifierKey(text)).toThrow(FleetsecError);
  });

  test("hold no P-384 key, and no P-256 key with a compressed point or bytes beyond it", () => {
    const p384 = generateKeyPairSync("ec", { namedCurve: "P-384" });
    expect(() => verifierKey("k", "p256", p384.publicKey)).toThrow("no p256 key");
    expect(() => verifierKey("k", "ed25519", p256.publicKey)).toThrow("no ed25519 key");
    const spki = p256.publicKey.export({ format: "der", type: "spki" });
    const compressed = Buffer.concat([
      Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex"),
      Buffer.of(2 + ((spki.at(-1) as number) & 1)),
      spki.subarray(27, 59),
    ]);
    expect(createPublicKey({ key: compressed, format: "der", type: "spki" }).asymmetricKeyType).toBe("ec");
    for (const bytes of [compressed, Buffer.concat([spki, Buffer.of(0)])]) {
      const text = `k+00000000+${Buffer.concat([Buffer.of(2), bytes]).toString("base64")}`;
      expect(() => parseVerifierKey(text)).toThrow("holds no p256 key");
    }
  });
});

describe("signatures", () => {
  test("of the key verify, and nothing else does", async () => {
    const text = "log.example/a\n1\nAAAA\n";
    for (const [key, privateKey] of [
      [keys[0], ed25519.privateKey],
      [keys[1], p256.privateKey],
    ] as const) {
      if (key === undefined) throw new Error("no key");
      const note = parseNote(Buffer.from(await signNote(text, [localSigner(key, privateKey)])));
      const signature = signatureBy(key, note)?.signature ?? Buffer.of();
      expect(verifySignature(key, text, signature)).toBe(true);
      expect(verifySignature(key, `${text}\n`, signature)).toBe(false);
      expect(verifySignature(key, text, signature.with(9, (signature[9] as number) ^ 1))).toBe(false);
      for (const other of keys.filter((candidate) => candidate !== key)) {
        expect(verifySignature(other, text, signature)).toBe(false);
        expect(signatureBy(other, note)).toBeUndefined();
      }
    }
  });

  test("by two keys stand side by side", async () => {
    const signers = [ed25519.privateKey, p256.privateKey].map((key, i) =>
      localSigner(keys[i] as (typeof keys)[0], key),
    );
    const note = parseNote(Buffer.from(await signNote("a\n", signers)));
    for (const { key } of signers) {
      expect(verifySignature(key, note.text, signatureBy(key, note)?.signature ?? Buffer.of())).toBe(true);
    }
  });

  test("by another key than the signer's public key are never published", async () => {
    const other = generateKeyPairSync("ed25519").privateKey;
    await expect(signNote("a\n", [localSigner(keys[0] as (typeof keys)[0], other)])).rejects.toThrow(
      "does not verify",
    );
  });

  test("of witnesses carry their time", () => {
    const witness = keys[2] as (typeof keys)[0];
    const cosign = (time: bigint) => {
      const head = Buffer.alloc(8);
      head.writeBigUInt64BE(time);
      const message = cosignedMessage("a\n", Number(time));
      return Buffer.concat([head, sign(null, message, ed25519.privateKey)]);
    };
    expect(verifySignature(witness, "a\n", cosign(1_700_000_000n))).toBe(true);
    expect(cosignatureTime(cosign(1_700_000_000n))).toBe(1_700_000_000);
    const shifted = cosign(1_700_000_000n);
    shifted.writeBigUInt64BE(1_700_000_001n);
    expect(verifySignature(witness, "a\n", shifted)).toBe(false);
    expect(verifySignature(witness, "a\n", cosign(1n).subarray(1))).toBe(false);
    expect(cosignatureTime(Buffer.concat([Buffer.alloc(8, 0xff), Buffer.alloc(64)]))).toBeUndefined();
  });
});

describeWithVectors("c2sp/signed-note-example.json", "C2SP's example of a signed note", (path) => {
  test("verifies", () => {
    const example = JSON.parse(readFileSync(path, "utf8")) as { verifierKey: string; note: string };
    const key = parseVerifierKey(example.verifierKey);
    const note = parseNote(Buffer.from(example.note));
    expect(verifySignature(key, note.text, signatureBy(key, note)?.signature ?? Buffer.of())).toBe(true);
    expect(formatVerifierKey(key)).toBe(example.verifierKey);
  });
});

interface Wycheproof {
  readonly numberOfTests: number;
  readonly testGroups: readonly {
    readonly publicKeyDer: string;
    readonly tests: readonly { tcId: number; msg: string; sig: string; result: "valid" | "invalid" }[];
  }[];
}

// C2SP/wycheproof testvectors_v1/, dac1dd4
describeWithVectors("wycheproof", "Wycheproof", (folder) => {
  test.each([
    ["ed25519", "ed25519_test.json", 151],
    ["p256", "ecdsa_secp256r1_sha256_test.json", 484],
  ] as const)("%s: every verdict is the same", (type, file, count) => {
    const vectors = JSON.parse(readFileSync(`${folder}/${file}`, "utf8")) as Wycheproof;
    let seen = 0;
    for (const group of vectors.testGroups) {
      const der = Buffer.from(group.publicKeyDer, "hex");
      const key = verifierKey("k", type, createPublicKey({ key: der, format: "der", type: "spki" }));
      for (const { tcId, msg, sig, result } of group.tests) {
        const holds = verifySignature(key, Buffer.from(msg, "hex"), Buffer.from(sig, "hex"));
        expect({ tcId, result: holds ? "valid" : "invalid" }).toEqual({ tcId, result });
        seen += 1;
      }
    }
    expect(seen).toBe(count);
  });
});

test("a private key's public half is what signs", () => {
  const fromPrivate = (key: KeyObject) =>
    createPublicKey(createPrivateKey(key.export({ format: "pem", type: "pkcs8" })));
  expect(formatVerifierKey(verifierKey("log.example/a", "p256", fromPrivate(p256.privateKey)))).toBe(
    formatVerifierKey(keys[1] as (typeof keys)[0]),
  );
});
