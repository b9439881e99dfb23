import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { ServiceRequest } from "../../../src/pki/issuers/issuer.ts";
import { redact } from "../../../src/pki/issuers/redact.ts";

import { stepCaService } from "../../../src/pki/issuers/step-ca/step-ca.ts";
import { readProvisionerKey } from "../../../src/pki/issuers/step-ca/token.ts";
import { vaultService } from "../../../src/pki/issuers/vault/vault.ts";
import { buildCsr } from "../../../src/pki/build-csr.ts";
import { privateKeyPem } from "../../../src/pki/key-file.ts";
import { generateKey, keySigner } from "../../../src/pki/keys.ts";
import { planIssue } from "../../../src/pki/plan.ts";
import type { HttpRequest } from "../../../src/platform/http.ts";
import { movablePlatform, testRole, testSettings } from "../../support/pki.ts";

const TOKEN = "hvs.CAESIJlU9dKq3mVn7b2Xw";

describe("what a service says", () => {
  test.each([
    [`permission denied for ${TOKEN}`, "permission denied for [redacted]"],
    [`${TOKEN}, "${TOKEN}"`, '[redacted], "[redacted]"'],
    ["bad token hvs.CAESIJlU9…", "bad token [redacted]…"],
    ["bad token …JlU9dKq3mVn7 is not known", "bad token …[redacted] is not known"],
    ["permission denied", "permission denied"],
    ["hvs.CAESIJ", "hvs.CAESIJ"],
    ["", ""],
  ])("loses the secret that it repeats: %s", (text, expected) => {
    expect(redact(text, [TOKEN])).toBe(expected);
  });

  const ENCODED: readonly (readonly [string, (text: string) => string])[] = [
    ["hexadecimal", (text) => Buffer.from(text).toString("hex")],
    ["hexadecimal in capitals", (text) => Buffer.from(text).toString("hex").toUpperCase()],
    ["base64", (text) => Buffer.from(text).toString("base64")],
    ["base64url", (text) => Buffer.from(text).toString("base64url")],
    ["percent signs", (text) => encodeURIComponent(text)],
  ];

  // ?>~ makes characters in which the alphabets of base64 differ
  test.each(ENCODED)("loses a secret in %s, whatever stands before it", (_, encode) => {
    const secret = `hvs./?>~${TOKEN}?>~`;
    for (const before of ["", "x", "xy", "xyz"]) {
      const [text, alone] = [encode(`${before}${secret}`), encode(secret)];
      const left = redact(`no ${text} here`, [secret]).split("[redacted]");
      expect(left).toHaveLength(2);
      // at most what the bytes before it make, and the first and the last character, which share bits with others
      expect(left.join("").length).toBeLessThanOrEqual("no  here".length + encode(before).length + 4);
      expect(redact(`no ${alone.slice(3, 24)} here`, [secret])).toContain("[redacted]");
      expect(redact(`no ${text} here`, ["hvs.another-token-altogether"])).toBe(`no ${text} here`);
    }
  });

  test("loses a short secret, and each of several", () => {
    expect(redact(`no root, no ${TOKEN}, no roots`, ["root", TOKEN])).toBe(
      "no [redacted], no [redacted], no [redacted]s",
    );
    expect(redact("nothing was sent", [""])).toBe("nothing was sent");
  });

  test("never keeps a secret, wherever it stands, and is left alone where there is none", () => {
    const secret = fc.stringMatching(/^[!-~]{1,60}$/);
    fc.assert(
      fc.property(fc.string(), secret, fc.string(), (before, hidden, after) => {
        expect(redact(`${before}${hidden}${after}`, [hidden]).replaceAll("[redacted]", "\n")).not.toContain(
          hidden,
        );
        const innocent = before.replaceAll(/[!-~]/g, "");
        expect(redact(innocent, [hidden])).toBe(innocent);
      }),
    );
  });

  test("is looked through in time, however long", () => {
    const long = "x".repeat(1 << 20);
    expect(redact(long, [TOKEN, "y".repeat(4096)])).toBe(long);
    expect(redact(long, ["x".repeat(4096)])).toBe("[redacted]");
  });
});

/** A service that refuses with the body it was sent for its words. */
function repeating(status: number, words: (text: string) => object) {
  const sent: string[] = [];
  const request = async ({ body, headers = {} }: HttpRequest) => {
    sent.push(Buffer.from(body ?? "").toString("utf8"));
    const text = [sent.at(-1), headers["x-vault-token"]].join(" ");
    return { status, headers: {}, body: Buffer.from(JSON.stringify(words(text))) };
  };
  return { network: { request }, sent };
}

async function askedFor(): Promise<ServiceRequest> {
  const plan = planIssue({ name: "truck-1", role: testRole }, testSettings, undefined, Date.now());
  const signer = keySigner((await generateKey("p256")).privateKey);
  return {
    plan,
    csr: await buildCsr({ commonName: plan.name, names: plan.names }, signer),
    present: undefined,
  };
}

async function messageOf(work: Promise<unknown>): Promise<string> {
  const error = await work.then(
    () => new Error("it was not refused"),
    (reason: unknown) => reason as Error,
  );
  return `${error.message} ${String((error as { hint?: string }).hint)}`;
}

describe("the secrets that a service is shown are not repeated:", () => {
  const address = new URL("http://127.0.0.1:1");

  test.each(["hex", "base64", "base64url"] as const)("a token, in %s", async (encoding) => {
    const { network } = repeating(400, (text) => ({
      errors: [Buffer.from(text.split(" ").at(-1) ?? "").toString(encoding)],
    }));
    const auth = { method: "token", token: () => TOKEN } as const;
    const service = vaultService(network, {
      server: { address, timeout: 1000, auth },
      mount: "pki",
      role: (name) => name,
    });
    const plan = (await askedFor()).plan;
    const message = await messageOf(service.certify({ plan, csr: "", present: undefined }));
    const [, words = ""] = /refuses: (.*)/.exec(message) ?? [];
    expect(words).toContain("[redacted]");
    for (const part of words.split(/\[redacted\]|…| /)) {
      const text = Buffer.from(part, encoding).toString("latin1");
      for (let at = 0; at + 8 <= TOKEN.length; at += 1) expect(text).not.toContain(TOKEN.slice(at, at + 8));
    }
  });

  test.each([400, 500])("the secret id of AppRole, with status %i", async (status) => {
    const { network, sent } = repeating(status, (text) => ({ errors: [text] }));
    const secret = "0f1b2c3d-4e5f-6071-8293-a4b5c6d7e8f9";
    const auth = { method: "approle", mount: "approle", roleId: "fleet", secretId: () => secret } as const;
    const service = vaultService(network, {
      server: { address, timeout: 1000, auth },
      mount: "pki",
      role: (name) => name,
    });
    const message = await messageOf(service.certify(await askedFor()));
    expect(sent[0]).toContain(secret);
    expect(message).toContain('"role_id":"fleet","secret_id":"[redacted]"');
  });

  test.each([400, 500])("the one-time token of a provisioner, with status %i", async (status) => {
    const { network, sent } = repeating(status, (text) => ({ message: /"ott":"[^"]*/.exec(text)?.[0] }));
    const pem = privateKeyPem((await generateKey("p256")).privateKey);
    const service = stepCaService(
      { ...movablePlatform(), network: network as never },
      {
        server: { address, timeout: 1000 },
        provisioner: (role) => role,
        roleOf: () => "fleet-edge",
        key: () => readProvisionerKey(pem, "provisioner"),
      },
    );
    const message = await messageOf(service.certify(await askedFor()));
    expect(sent[0]).toMatch(/"ott":"eyJ[^"]{100,}"/);
    expect(message).toContain('"ott":"[redacted] ');
  });
});
