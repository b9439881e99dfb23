import { execFile, execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type Authority, openAuthority } from "../../src/pki/authority.ts";
import { issue } from "../../src/pki/issue.ts";
import type { KeyType } from "../../src/pki/keys.ts";
import { openResponder, type Responder } from "../../src/pki/ocsp/responder.ts";
import { type OcspServer, startOcspServer } from "../../src/pki/ocsp/server.ts";
import { revoke } from "../../src/pki/revoke.ts";
import { encodeCertId, encodeRequest, readResponse } from "../support/ocsp.ts";
import { movablePlatform, testAuthority, testRole, testSettings } from "../support/pki.ts";
import { describeWithEngines } from "./engines.ts";
import { pkilint } from "./pkilint.ts";

const KEY_TYPES: readonly KeyType[] = ["p256", "p384", "ed25519", "rsa3072"];
const execute = promisify(execFile);
const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));

interface Serving {
  readonly authority: Authority;
  readonly responder: Responder;
  readonly server: OcspServer;
  readonly good: string;
  readonly revoked: string;
  readonly issuing: string;
  readonly root: string;
}

const made = new Map<KeyType, Serving>();

afterAll(async () => {
  for (const { server } of made.values()) await server.close();
  rmSync(directory, { recursive: true, force: true });
});

/** A CA of one key type with a good and a revoked certificate, and its responder. */
async function serving(keyType: KeyType): Promise<Serving> {
  const known = made.get(keyType);
  if (known !== undefined) return known;
  const platform = movablePlatform();
  const settings = { ...testSettings, keyType };
  const authority = await testAuthority(platform, settings, join(directory, keyType));
  const make = async (name: string) =>
    (await issue(platform, authority, settings, { name, role: testRole, keyType: "p256" })).files.cert;
  const [good, revoked] = [await make("good"), await make("revoked")];
  await revoke(platform, authority, settings, { target: "revoked", reason: "keyCompromise" });
  const responder = await openResponder(platform, {
    open: async () =>
      openAuthority(platform.files, authority.stateDirectory, () => Promise.reject(new Error())),
    settings,
    validity: 600,
    onFault: (error) => {
      throw error;
    },
  });
  const server = await startOcspServer({ host: "127.0.0.1", port: 0, path: "/" }, responder);
  const at = (name: string) => join(authority.layout.authorities, "1", name);
  const found = {
    authority,
    responder,
    server,
    good,
    revoked,
    issuing: at("issuing-cert.pem"),
    root: at("root-cert.pem"),
  };
  made.set(keyType, found);
  return found;
}

describeWithEngines(["openssl"], "openssl ocsp", ({ openssl }) => {
  const ask = async (ca: Serving, ...args: string[]) => {
    const { stdout, stderr } = await execute(openssl.path, [
      "ocsp",
      "-url",
      `http://127.0.0.1:${ca.server.port}/`,
      "-CAfile",
      ca.root,
      "-verify_other",
      ca.issuing,
      ...args,
    ]);
    return { lines: stdout.split("\n").map((line) => line.trim()), verified: stderr.trim() };
  };

  test.each(KEY_TYPES)("agrees with the responder of a CA of type %s", async (keyType) => {
    const ca = await serving(keyType);
    const { lines, verified } = await ask(
      ca,
      "-issuer",
      ca.issuing,
      "-cert",
      ca.good,
      "-cert",
      ca.revoked,
      "-serial",
      "0x1234",
    );
    // with a nonce that differs, or none, it would say so here
    expect(verified).toBe("Response verify OK");
    expect(lines).toContain(`${ca.good}: good`);
    expect(lines).toContain(`${ca.revoked}: revoked`);
    expect(lines).toContain("Reason: keyCompromise");
    expect(lines).toContain("0x1234: unknown");
    const above = await ask(ca, "-sha256", "-issuer", ca.root, "-cert", ca.issuing);
    expect(above.verified).toBe("Response verify OK");
    expect(above.lines).toContain(`${ca.issuing}: good`);
  });

  test("does not take the answer of another CA's responder", async () => {
    const [ca, other] = [await serving("p256"), await serving("p384")];
    const answer = ask({ ...ca, server: other.server }, "-issuer", ca.issuing, "-cert", ca.good);
    await expect(answer).rejects.toMatchObject({ stdout: expect.stringContaining("unauthorized") as string });
  });

  test("reads what a GET answers, and finds a changed one wrong", async () => {
    const ca = await serving("p256");
    const about = ["-issuer", ca.issuing, "-cert", ca.good, "-no_nonce"];
    const [request, response] = [join(directory, "get.req"), join(directory, "get.resp")];
    await execute(openssl.path, ["ocsp", ...about, "-reqout", request]);
    const base64 = encodeURIComponent(readFileSync(request).toString("base64"));
    const reply = await fetch(`http://127.0.0.1:${ca.server.port}/${base64}`);
    expect(reply.headers.get("content-type")).toBe("application/ocsp-response");
    const der = Buffer.from(await reply.arrayBuffer());
    const verdict = async (bytes: Uint8Array) => {
      writeFileSync(response, bytes);
      const { stdout, stderr } = await execute(openssl.path, [
        "ocsp",
        ...about,
        "-respin",
        response,
        "-CAfile",
        ca.root,
        "-verify_other",
        ca.issuing,
      ]).catch((error: { stdout: string; stderr: string }) => error);
      return `${stdout}${stderr}`;
    };
    expect(await verdict(der)).toMatch(/good[^]*Response verify OK/);
    const good = der.indexOf(Buffer.from("8000", "hex"));
    const changed = Uint8Array.from(der).with(good, 0x82);
    expect(await verdict(changed)).not.toContain("Response verify OK");
  });
});

/** A response about a certificate of each status, in a file. */
async function responseFile(keyType: KeyType, which: "good" | "revoked" | "unknown"): Promise<string> {
  const ca = await serving(keyType);
  const { inventory, current } = ca.authority;
  const serial = which === "unknown" ? "1234" : (inventory.newest(which)?.issued.serial ?? "");
  const { der } = await ca.responder.respond(
    encodeRequest([encodeCertId(current.issuing, serial, "sha256")]),
  );
  const path = join(directory, `${keyType}-${which}.resp`);
  writeFileSync(path, der);
  return path;
}

describeWithEngines(["lint_ocsp", "pkilint"], "pkilint", ({ lint_ocsp, pkilint: lint }) => {
  test.each(KEY_TYPES)(
    "has nothing against the answers of a CA of type %s",
    { timeout: 180_000 },
    async (keyType) => {
      for (const which of ["good", "revoked", "unknown"] as const) {
        const path = await responseFile(keyType, which);
        expect(await pkilint(lint_ocsp.path, ["lint", path])).toEqual([]);
      }
    },
  );

  test("has nothing against the responder's certificate", { timeout: 180_000 }, async () => {
    const { authority, responder } = await serving("p256");
    const { der } = await responder.respond(encodeRequest([encodeCertId(authority.current.issuing, "01")]));
    const path = join(directory, "signer.pem");
    const { signer } = readResponse(der).basic ?? {};
    writeFileSync(path, signer?.toString() ?? "");
    expect(await pkilint(lint.path, ["lint", path])).toEqual([]);
  });

  test("finds fault with a response whose update comes before it was made", async () => {
    const good = readFileSync(await responseFile("p256", "good"));
    const at = good.lastIndexOf(Buffer.from("\x18\x0f20"));
    expect(at).toBeGreaterThan(0);
    // nextUpdate in the year 1026
    writeFileSync(join(directory, "faulty.resp"), Uint8Array.from(good).with(at + 2, 0x31));
    expect(await pkilint(lint_ocsp.path, ["lint", join(directory, "faulty.resp")])).not.toEqual([]);
  });
});

describeWithEngines(["go", "x/crypto"], "Go x/crypto/ocsp", ({ go }) => {
  const program = join(directory, "ocspverify");
  beforeAll(() => {
    const source = new URL("go/ocspverify", import.meta.url).pathname;
    execFileSync(go.path, ["build", "-buildvcs=false", "-o", program, "."], { cwd: source, stdio: "pipe" });
  }, 180_000);

  test.each(KEY_TYPES)("agrees with the responder of a CA of type %s", async (keyType) => {
    const ca = await serving(keyType);
    const verdict = async (which: "good" | "revoked", issuer = ca.issuing) =>
      execute(program, [await responseFile(keyType, which), ca[which], issuer]).then(
        ({ stdout }) => stdout.trim(),
        () => "refused",
      );
    expect(await verdict("good")).toBe("good 0");
    expect(await verdict("revoked")).toBe("revoked 1");
    expect(await verdict("good", (await serving(keyType === "p256" ? "p384" : "p256")).issuing)).toBe(
      "refused",
    );
  });
});
