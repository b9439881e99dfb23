import { constants, sign } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { readSingle } from "../../../src/pki/der/read.ts";
import { constructed, integer, nullValue, oid, sequence } from "../../../src/pki/der/write.ts";
import { type Hash, spkiOf } from "../../../src/pki/keys.ts";
import { oids } from "../../../src/pki/oids.ts";
import { signatureAlgorithm } from "../../../src/pki/signature-algorithm.ts";
import { readPublicKey } from "../../../src/pki/verify/key.ts";
import { signatureFault } from "../../../src/pki/verify/signature.ts";
import { readAlgorithm } from "../../../src/pki/verify/signed.ts";
import { describeWithVectors } from "../../peers/engines.ts";
import { newKey, signWith } from "./forge.ts";

interface Suite {
  readonly testGroups: readonly {
    readonly publicKeyDer: string;
    readonly tests: readonly { readonly msg: string; readonly sig: string; readonly result: string }[];
  }[];
}

function faultOf(algorithm: Uint8Array, spki: Uint8Array, tbs: Uint8Array, signature: Uint8Array) {
  const identifier = readAlgorithm(readSingle(algorithm, 0x30, "algorithm"), "algorithm");
  return signatureFault({ tbs, signature, signatureAlgorithm: identifier }, readPublicKey(spki))?.code;
}

const hashes = { sha256: oids.sha256, sha384: oids.sha384, sha512: oids.sha512 } as const;

function pssAlgorithm(
  hash: keyof typeof hashes,
  saltLength: number,
  mask: keyof typeof hashes = hash,
): Uint8Array {
  const digest = (name: keyof typeof hashes) => sequence(oid(hashes[name]), nullValue());
  const parameters = sequence(
    constructed(0, digest(hash)),
    constructed(1, sequence(oid(oids.mgf1), digest(mask))),
    constructed(2, integer(saltLength)),
  );
  return sequence(oid(oids.rsassaPss), parameters);
}

describeWithVectors("wycheproof", "signatures agree with Wycheproof", (path) => {
  test.each([
    ["ecdsa_secp256r1_sha256_test.json", signatureAlgorithm("p256", "sha256"), 484],
    ["ed25519_test.json", signatureAlgorithm("ed25519", "sha256"), 151],
    ["rsa_pss_2048_sha256_mgf1_32_test.json", pssAlgorithm("sha256", 32), 108],
  ])("%s", (file, algorithm, count) => {
    const suite = JSON.parse(readFileSync(join(path, file), "utf8")) as Suite;
    const cases = suite.testGroups.flatMap(({ publicKeyDer, tests }) =>
      tests.map((each) => ({ publicKeyDer, ...each })),
    );
    const bytes = (hex: string) => Buffer.from(hex, "hex");
    const verdicts = cases.map(({ publicKeyDer, msg, sig }) =>
      faultOf(algorithm, bytes(publicKeyDer), bytes(msg), bytes(sig)) === undefined ? "valid" : "invalid",
    );
    expect(verdicts).toEqual(cases.map(({ result }) => result));
    expect(verdicts).toHaveLength(count);
  });
});

describe("signatures", () => {
  const data = Buffer.from("to be signed");

  test.each(["p256", "p384", "p521", "ed25519", "rsa2048"] as const)("by %s verify", async (type) => {
    const key = await newKey(type);
    const hash: Hash = type === "p384" ? "sha384" : "sha256";
    const algorithm = signatureAlgorithm(type, hash);
    expect(faultOf(algorithm, spkiOf(key), data, signWith(key, data, hash))).toBeUndefined();
    expect(faultOf(algorithm, spkiOf(key), Buffer.from("other"), signWith(key, data, hash))).toBe(
      "bad-signature",
    );
  });

  test.each(["p256", "rsa2048"] as const)("with SHA-1 by %s are refused, though genuine", async (type) => {
    const key = await newKey(type);
    const fault = faultOf(signatureAlgorithm(type, "sha1"), spkiOf(key), data, signWith(key, data, "sha1"));
    expect(fault).toBe("unsupported-signature-algorithm");
  });

  test("by a key of another type than the algorithm's are refused", async () => {
    const [ec, rsa] = [await newKey("p256"), await newKey("rsa2048")];
    const signature = signWith(ec, data, "sha256");
    expect(faultOf(signatureAlgorithm("rsa2048", "sha256"), spkiOf(ec), data, signature)).toBe(
      "bad-signature",
    );
    expect(faultOf(signatureAlgorithm("p256", "sha256"), spkiOf(rsa), data, signature)).toBe("bad-signature");
  });

  test("with parameters where none belong are refused", async () => {
    const key = await newKey();
    const algorithm = sequence(oid(oids.ecdsaWithSHA256), nullValue());
    const fault = faultOf(algorithm, spkiOf(key), data, signWith(key, data, "sha256"));
    expect(fault).toBe("unsupported-signature-algorithm");
  });

  test("by RSA with SHA-2 verify with and without the NULL parameters", async () => {
    const key = await newKey("rsa2048");
    const algorithm = sequence(oid(oids.sha256WithRSAEncryption));
    expect(faultOf(algorithm, spkiOf(key), data, signWith(key, data, "sha256"))).toBeUndefined();
  });

  test("by RSA-PSS verify only with matching hashes and a salt of their length", async () => {
    const key = await newKey("rsa2048");
    const pss = (saltLength: number) =>
      sign("sha256", data, { key, padding: constants.RSA_PKCS1_PSS_PADDING, saltLength });
    const judge = (algorithm: Uint8Array, saltLength = 32) =>
      faultOf(algorithm, spkiOf(key), data, pss(saltLength));
    expect(judge(pssAlgorithm("sha256", 32))).toBeUndefined();
    expect(judge(pssAlgorithm("sha256", 32), 20)).toBe("bad-signature");
    expect(judge(pssAlgorithm("sha256", 20), 20)).toBe("unsupported-signature-algorithm");
    expect(judge(pssAlgorithm("sha256", 32, "sha384"))).toBe("unsupported-signature-algorithm");
    expect(judge(sequence(oid(oids.rsassaPss)))).toBe("unsupported-signature-algorithm");
    expect(judge(sequence(oid(oids.rsassaPss), sequence()))).toBe("unsupported-signature-algorithm");
  });
});

describe("public keys", () => {
  test.each([
    ["p256", "EC P-256"],
    ["p384", "EC P-384"],
    ["p521", "EC P-521"],
    ["ed25519", "Ed25519"],
    ["rsa2048", "RSA 2048"],
  ] as const)("%s is strong enough", async (type, label) => {
    expect(readPublicKey(spkiOf(await newKey(type)))).toMatchObject({ label, weakness: undefined });
  });

  test("RSA-1024 is too weak", async () => {
    const key = readPublicKey(spkiOf(await newKey("rsa1024")));
    expect(key).toMatchObject({ type: "rsa", label: "RSA 1024" });
    expect(key.weakness).toBeDefined();
  });

  const rsaKey = (modulus: Uint8Array, exponent: Uint8Array | number) => {
    const key = sequence(integer(modulus), integer(exponent));
    return sequence(
      sequence(oid(oids.rsaEncryption), nullValue()),
      Buffer.from([0x03, 0x82, (key.length + 1) >> 8, (key.length + 1) & 0xff, 0, ...key]),
    );
  };
  const modulusOf = (bytes: number) => Uint8Array.from({ length: bytes }, () => 0xff);

  test.each([
    ["exponent 1", rsaKey(modulusOf(256), 1), false],
    ["an even exponent", rsaKey(modulusOf(256), 65_538), false],
    ["an exponent of five bytes", rsaKey(modulusOf(256), Uint8Array.of(1, 0, 0, 0, 1)), false],
    ["an even modulus", rsaKey(Uint8Array.of(...modulusOf(255), 0xfe), 65_537), false],
    ["16384 bits", rsaKey(modulusOf(2048), 65_537), false],
    ["exponent 3", rsaKey(modulusOf(256), 3), true],
    ["8192 bits", rsaKey(modulusOf(1024), 65_537), true],
  ])("RSA with %s", (_, spki, good) => {
    expect(readPublicKey(spki).weakness === undefined).toBe(good);
  });

  test.each([
    ["secp256k1", "3056301006072a8648ce3d020106052b8104000a03420004" + "11".repeat(64)],
    ["a compressed point", "3039301306072a8648ce3d020106082a8648ce3d03010703220002" + "11".repeat(32)],
    ["Ed448", "3043300506032b6571033a00" + "11".repeat(57)],
    ["explicit parameters", "300b300906072a8648ce3d02013000"],
    ["rubbish", "3000"],
  ])("%s is not accepted", (_, hex) => {
    expect(readPublicKey(Buffer.from(hex, "hex")).weakness).toBeDefined();
  });

  test("a point off its curve has signed nothing", async () => {
    const spki = Buffer.from(spkiOf(await newKey()));
    spki[spki.length - 1] = (spki.at(-1) ?? 0) ^ 1;
    expect(readPublicKey(spki).weakness).toBeUndefined();
    expect(
      faultOf(
        signatureAlgorithm("p256", "sha256"),
        spki,
        Buffer.from("x"),
        Buffer.from("3006020101020101", "hex"),
      ),
    ).toBe("bad-signature");
  });
});
