import { createPrivateKey, createPublicKey } from "node:crypto";
import { chmodSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { type LogKeyType, parseKeyFile, parsePublicKeys, readKeyFile } from "../../src/logs/key-file.ts";
import { generateKeyFiles } from "../../src/logs/keygen.ts";
import { parseNote } from "../../src/logs/note.ts";
import { signNote } from "../../src/logs/signer.ts";
import { formatVerifierKey, signatureBy, verifySignature } from "../../src/logs/verifier-key.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { scratch } from "../support/scratch.ts";

const origin = "fleet.internal/audit";
const types: LogKeyType[] = ["ed25519", "p256"];

describe.each(types)("a %s key pair", (type) => {
  test("signs what its public half verifies", async () => {
    const out = join(scratch(), "keys");
    const result = await generateKeyFiles({ origin, type, out }, files);
    const signer = readKeyFile(files, result.files.key);
    const [key, ...more] = parsePublicKeys(readFileSync(result.files.pub, "utf8"));
    if (key === undefined) throw new Error("no key");
    expect(more).toEqual([]);
    expect(formatVerifierKey(key)).toBe(result.verifierKey);
    expect(formatVerifierKey(signer.key)).toBe(result.verifierKey);
    const note = parseNote(Buffer.from(await signNote("a\n", [signer])));
    expect(verifySignature(key, note.text, signatureBy(key, note)?.signature ?? Buffer.of())).toBe(true);
  });

  test("is for its owner alone, and never overwritten", async () => {
    const out = scratch();
    const result = await generateKeyFiles({ origin, type, out }, files);
    expect(result.files).toEqual({
      key: join(out, "audit.key"),
      pub: join(out, "audit.pub"),
    });
    expect(statSync(result.files.key).mode & 0o777).toBe(0o600);
    expect(statSync(result.files.pub).mode & 0o777).toBe(0o644);
    const before = readFileSync(result.files.key, "utf8");
    await expect(generateKeyFiles({ origin, type, out }, files)).rejects.toThrow("exists already");
    expect(readFileSync(result.files.key, "utf8")).toBe(before);
    expect(readdirSync(out)).toHaveLength(2);
  });

  test("is left alone where only the public half is there", async () => {
    const out = scratch();
    writeFileSync(join(out, "audit.pub"), "mine");
    await expect(generateKeyFiles({ origin, type, out }, files)).rejects.toThrow("exists already");
    expect(readdirSync(out)).toEqual(["audit.pub"]);
  });

  test("is refused when others can read it", async () => {
    const result = await generateKeyFiles({ origin, type, out: scratch() }, files);
    chmodSync(result.files.key, 0o640);
    expect(() => readKeyFile(files, result.files.key)).toThrow("by others");
  });

  test("is refused when its file is not exactly one", async () => {
    const text = readFileSync(
      (await generateKeyFiles({ origin, type, out: scratch() }, files)).files.key,
      "utf8",
    );
    expect(parseKeyFile(text, "x").key.name).toBe(origin);
    for (const bad of [
      "",
      "x",
      text.slice(0, -10),
      text.slice(1),
      `${text}x`,
      `\n${text}`,
      text.replace(origin, "a b"),
      text.replace(origin, ""),
    ]) {
      expect(() => parseKeyFile(bad, "x")).toThrow(FleetsecError);
    }
  });
});

test("a key that cannot be made leaves no directory, and none is made where its files cannot be", async () => {
  const out = join(scratch(), "keys");
  const make = () => Promise.reject(new FleetsecError("passphrase", "the PIN is wrong"));
  await expect(generateKeyFiles({ origin, type: "p256", out }, files, make)).rejects.toThrow("PIN");
  expect(files.kind(out)).toBeUndefined();
  let made = false;
  const noting = () => {
    made = true;
    return make();
  };
  await expect(generateKeyFiles({ origin, type: "p256", out: "/proc/none" }, files, noting)).rejects.toThrow(
    FleetsecError,
  );
  expect(made).toBe(false);
});

test("an Ed25519 key's file has the key id of its name", async () => {
  const text = readFileSync(
    (await generateKeyFiles({ origin, type: "ed25519", out: scratch() }, files)).files.key,
    "utf8",
  );
  expect(() => parseKeyFile(text.replace(origin, "fleet.internal/other"), "x")).toThrow("key id");
});

test("a P-256 key's file is PEM to other programs", async () => {
  const result = await generateKeyFiles({ origin, type: "p256", out: scratch() }, files);
  const key = createPrivateKey(readFileSync(result.files.key));
  expect(createPublicKey(key).asymmetricKeyDetails?.namedCurve).toBe("prime256v1");
});

test("a PEM file with another kind of key is refused", async () => {
  const ed25519 = `name: a\n-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n-----END PRIVATE KEY-----\n`;
  expect(() => parseKeyFile(ed25519, "x")).toThrow("no p256 key");
});

test.each(["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u200bb", "é".repeat(128), "\ud800"])(
  "the origin %j is refused, and nothing is written",
  async (bad) => {
    const out = join(scratch(), "keys");
    await expect(generateKeyFiles({ origin: bad, type: "ed25519", out }, files)).rejects.toThrow(
      "an origin has",
    );
    expect(files.kind(out)).toBeUndefined();
  },
);

test.each([
  ["../../etc/passwd", "passwd.key"],
  ["fleet.internal/..", "log.key"],
  ["/", "log.key"],
  ["日本", "log.key"],
  ["example.com/a_b/", "a_b.key"],
  ["example.com", "example.com.key"],
])("the origin %j stays in the directory", async (bad, name) => {
  const out = scratch();
  await generateKeyFiles({ origin: bad, type: "ed25519", out }, files);
  expect(readdirSync(out)).toContain(name);
});

test("a list of public keys has comments, empty lines and nothing else", async () => {
  const { verifierKey } = await generateKeyFiles({ origin, type: "ed25519", out: scratch() }, files);
  expect(parsePublicKeys(`# keys\n\n${verifierKey}\n${verifierKey}`)).toHaveLength(2);
  expect(() => parsePublicKeys(` ${verifierKey}\n`)).toThrow(FleetsecError);
});
