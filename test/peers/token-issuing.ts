// The titles here are the caller's.
/* oxlint-disable vitest/valid-title, vitest/require-top-level-describe */
import { execFileSync } from "node:child_process";
import { createPublicKey, verify, X509Certificate } from "node:crypto";
import { readFileSync, realpathSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  type ContractParty,
  opensslVerifies,
  projectOf,
  spkiOf,
  withIssuer,
} from "../pki/issuers/contract.ts";
import { holdsPrivateKey } from "../support/private-key.ts";
import { schemaErrors } from "../support/schema.ts";
import type { TestProject } from "../support/project.ts";
import { describeWithEngines } from "./engines.ts";
import { type SoftToken, softToken } from "./soft-token.ts";

const ISSUE = ["cert", "issue", "truck-17", "--role", "fleet-edge"];
const URI = "pkcs11:token=fleet;object=truck-17";
const RENEW = ["cert", "renew", "truck-17", "--force"];

/**
 * The part of the contract about leaf keys in a token, which every service must keep too.
 * @param renewsAlone lines of the section `pki` without what proves who asks, where files need none for a renewal
 */
export function tokenKeyContract(party: () => ContractParty, renewsAlone?: () => readonly string[]): void {
  describeWithEngines(["pkcs11js", "softhsm2"], "with a key in SoftHSM2", ({ pkcs11js, softhsm2 }) => {
    let soft: SoftToken;

    beforeAll(() => {
      soft = softToken(pkcs11js, softhsm2);
    });

    afterAll(() => soft.remove());

    const options = () => ({ ...party().options(), tokens: soft.tokens });
    const at = (project: TestProject) => ({
      run: (...argv: string[]) => project.json(argv, options()),
      attempt: (...argv: string[]) => project.attempt(argv, options()),
    });

    test("it certifies the key, renews with it, and revokes; no private key is ever in a file", async () => {
      const project = await projectOf(party());
      const { run, attempt } = at(project);
      const issued = await run(...ISSUE, "--key", URI);
      expect([issued.code, issued.document.message]).toEqual([0, undefined]);
      expect(schemaErrors(issued.document)).toEqual([]);
      const { files } = issued.document;
      const pem = readFileSync(files.key, "utf8");
      expect(pem).toMatch(/^-----BEGIN PKCS#11 PROVIDER URI-----\n/);
      const key = await soft.tokens.open(URI);
      const spki = Buffer.from(key.spki).toString("base64");
      const inUse = () => new X509Certificate(readFileSync(files.cert));
      expect(spkiOf(inUse())).toBe(spki);
      // who has the token has the certificate
      const message = Buffer.from("challenge");
      expect(verify("sha256", message, inUse().publicKey, await key.sign(message, "sha256"))).toBe(true);
      expect(opensslVerifies(project, files)).toBe(true);
      expect((await run("cert", "verify", files.cert, "--purpose", "client")).code).toBe(0);
      const recorded = () =>
        readFileSync(join(project.directory, ".fleetsec/inventory.jsonl"), "utf8")
          .split("\n")
          .filter((line) => line.includes('"op":"issue"'))
          .map((line) => JSON.parse(line));
      const issuer = party().config()[0]?.replace("issuer: ", "");
      expect(recorded()).toMatchObject([
        { name: "truck-17", serial: issued.document.serial, issuer, authority: 0, files: { generation: 1 } },
      ]);

      const renewed = await run(...RENEW);
      expect([renewed.code, renewed.document.message, renewed.document.renewed]).toEqual([
        0,
        undefined,
        true,
      ]);
      const rotated = await run("cert", "rotate", "truck-17", "--force");
      expect([rotated.code, rotated.document.certificates?.[0]?.outcome]).toEqual([0, "renewed"]);
      const serials = recorded().map(({ serial }) => serial);
      expect(new Set(serials).size).toBe(3);
      expect([readFileSync(files.key, "utf8"), spkiOf(inUse())]).toEqual([pem, spki]);
      expect(opensslVerifies(project, files)).toBe(true);
      expect(await attempt(...RENEW, "--rekey")).toMatchObject({ exit: 2, code: "refused", changed: false });

      const revoked = await run("cert", "revoke", "truck-17");
      expect([revoked.code, revoked.document.revoked.length]).toEqual([0, 3]);
      const crl = execFileSync("openssl", ["crl", "-in", revoked.document.crl, "-noout", "-text"], {
        encoding: "utf8",
      });
      for (const serial of serials) expect(crl).toContain(serial);
      expect(opensslVerifies(project, files, revoked.document.crl)).toBe(false);
      expect(await attempt(...RENEW)).toMatchObject({ exit: 2, code: "refused", changed: false });

      // the control: a key in a file is found, where it belongs and nowhere else
      const control = await run(...ISSUE.with(2, "truck-18"));
      const own = dirname(realpathSync(control.document.files.key));
      const holding = project.files().filter((path) => holdsPrivateKey(readFileSync(path)));
      expect(holding.sort()).toEqual([join(own, "bundle.pem"), join(own, "key.pem")]);
    });

    if (renewsAlone !== undefined)
      test("it is not renewed by the certificate alone", async () => {
        const project = await projectOf(party());
        const { run } = at(project);
        expect((await run(...ISSUE, "--key", URI)).code).toBe(0);
        expect((await run(...ISSUE.with(2, "truck-18"))).code).toBe(0);
        writeFileSync(join(project.directory, "alone.yaml"), withIssuer(renewsAlone())());
        const alone = ["--config", "alone.yaml"];
        expect((await run(...alone, ...RENEW.with(2, "truck-18"))).document.renewed).toBe(true);
        const refused = await project.attempt([...alone, ...RENEW], options());
        expect(refused).toMatchObject({ exit: 3, code: "issuer", changed: false });
        expect(refused.text).toContain(
          "only certificates for clients whose keys are in files can be renewed",
        );
        expect((await run(...RENEW)).document.renewed).toBe(true);
      });

    test.each(["p384", "rsa3072", "ed25519"])("it certifies a key of type %s", async (type) => {
      const project = await projectOf(party());
      const uri = `pkcs11:token=fleet;object=leaf-${type}`;
      const { code, document } = await at(project).run(...ISSUE, "--key-type", type, "--key", uri);
      expect([code, document.message]).toEqual([0, undefined]);
      const { spki } = await soft.tokens.open(uri);
      const key = createPublicKey({ key: Buffer.from(spki), format: "der", type: "spki" });
      expect(spkiOf(new X509Certificate(readFileSync(document.files.cert)))).toBe(
        key.export({ type: "spki", format: "der" }).toString("base64"),
      );
      expect(opensslVerifies(project, document.files)).toBe(true);
    });

    test("what the service does not issue leaves nothing but the key, which the next attempt takes", async () => {
      const project = await projectOf(party());
      const uri = "pkcs11:token=fleet;object=again";
      expect((await at(project).run(...ISSUE.with(2, "truck-16"))).code).toBe(0);
      writeFileSync(join(project.directory, "closed.yaml"), withIssuer(party().config("unreachable"))());
      const argv = [...ISSUE, "--key", uri];
      const refused = await project.attempt(["--config", "closed.yaml", ...argv], options());
      expect(refused).toMatchObject({ exit: 3, code: "unreachable", changed: false });
      const { spki } = await soft.tokens.open(uri);
      const { document } = await at(project).run(...argv);
      expect(spkiOf(new X509Certificate(readFileSync(document.files.cert)))).toBe(
        Buffer.from(spki).toString("base64"),
      );
    });
  });
}
