import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { renameSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import type { TokenKey, Tokens } from "../../src/platform/pkcs11/tokens.ts";
import { testProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";

const edge = (name: string) => ["cert", "issue", name, "--role", "fleet-edge"];
const TOKEN = "pkcs11:token=fleet";

/** A token in memory. A key of it is found by its label, whatever else the URI says. */
function tokenInMemory(): Tokens {
  const keys = new Map<string, KeyObject>();
  const labelOf = (uri: string) => /object=([^;?]+)/.exec(uri)?.[1] ?? "";
  const keyOf = (uri: string, privateKey: KeyObject, publicKey: KeyObject): TokenKey => ({
    uri,
    spki: publicKey.export({ type: "spki", format: "der" }),
    sign: async (data, hash) => sign(hash, data, privateKey),
  });
  const publicKeys = new Map<string, KeyObject>();
  const tokens: Tokens = {
    async open(uri) {
      const [own, other] = [keys.get(labelOf(uri)), publicKeys.get(labelOf(uri))];
      if (own === undefined || other === undefined) throw new FleetsecError("not-found", "no such key");
      return keyOf(uri, own, other);
    },
    async generate(uri) {
      const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
      keys.set(labelOf(uri), privateKey);
      publicKeys.set(labelOf(uri), publicKey);
      return keyOf(uri, privateKey, publicKey);
    },
    asking: () => tokens,
  };
  return tokens;
}

test("a token's key that another name uses is named, at each issue and renewal, and not once that is revoked", async () => {
  const project = testProject();
  const tokens = tokenInMemory();
  const run = (...argv: string[]) => project.json(argv, { tokens });
  await run("ca", "init", "--insecure-dev-key");
  const key = ["--key", `${TOKEN};object=shared`];

  const first = await run(...edge("a"), ...key);
  expect([first.code, first.stderr, first.document.sharesKeyWith]).toEqual([0, "", undefined]);
  // the same name again is no other
  expect((await run(...edge("a"), ...key)).stderr).toBe("");
  const second = await run(
    ...edge("b"),
    "--out",
    "elsewhere",
    "--key",
    `${TOKEN};type=private;object=shared`,
  );
  expect([second.code, schemaErrors(second.document)]).toEqual([0, []]);
  expect(second.document.sharesKeyWith).toEqual(["a"]);
  expect(second.stderr).toMatch(/^fleetsec: warning: b has the key of a: /);
  expect((await run(...edge("c"), "--key", `${TOKEN};object=own`)).document.sharesKeyWith).toBeUndefined();
  expect((await run(...edge("d"))).document.sharesKeyWith).toBeUndefined();

  const renewed = await run("cert", "renew", "a", "--force");
  expect([renewed.code, schemaErrors(renewed.document)]).toEqual([0, []]);
  expect(renewed.document.sharesKeyWith).toEqual(["b"]);
  expect(renewed.stderr).toContain("a has the key of b");
  expect((await run(...edge("e"), ...key)).document.sharesKeyWith).toEqual(["a", "b"]);

  const rotated = await run("cert", "rotate", "a", "c", "--force");
  expect([rotated.code, schemaErrors(rotated.document)]).toEqual([0, []]);
  const [a, c] = rotated.document.certificates;
  expect([a.sharesKeyWith, c.sharesKeyWith]).toEqual([["b", "e"], undefined]);
  const events = rotated.stderr.split("\n").filter((line) => line.includes("key-shared"));
  expect(events.map((line) => JSON.parse(line))).toMatchObject([
    { severity: "warning", certificate: "a", reason: expect.stringMatching(/^has the key of b, e: /) },
  ]);
  const shown = await project.run(["cert", "rotate", "a", "--force"], { tokens });
  expect(shown.stdout).toContain("a: warning: it has the key of b, e: ");
  // nothing was renewed, and nothing is looked for
  expect((await run("cert", "rotate", "a")).document.certificates[0].sharesKeyWith).toBeUndefined();

  // one whose files are gone uses nothing, and one that was revoked neither
  renameSync(join(project.directory, "elsewhere"), join(project.directory, "away"));
  await run("cert", "revoke", "e");
  expect((await run("cert", "renew", "a", "--force")).document.sharesKeyWith).toBeUndefined();
});
