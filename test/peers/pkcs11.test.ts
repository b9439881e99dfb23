import { execFileSync, spawnSync } from "node:child_process";
import { createPublicKey, generateKeyPairSync, verify } from "node:crypto";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, onTestFinished, test } from "vitest";
import { storedTokenKey } from "../../src/pki/token-key.ts";
import { systemTokens, type Tokens } from "../../src/platform/pkcs11/tokens.ts";
import { holdsPrivateKey } from "../support/private-key.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";
import { leaksOf, spies, watched } from "../support/spying.ts";
import { describeWithEngines, type Engine } from "./engines.ts";
import { freePorts } from "./process.ts";
import { modulesOf, PIN, SOFTHSM, type SoftToken, softToken } from "./soft-token.ts";

const TOKEN = "pkcs11:token=fleet";
const PROGRAM = fileURLToPath(new URL("../../bin/fleetsec.js", import.meta.url));
const edge = (name: string) => ["cert", "issue", name, "--role", "fleet-edge"];

describeWithEngines(
  ["pkcs11js", "softhsm2", "pkcs11-tool"],
  "SoftHSM2",
  ({ pkcs11js, softhsm2, "pkcs11-tool": tool }) => {
    let soft: SoftToken;
    let tokens: Tokens;

    beforeAll(() => {
      soft = softToken(pkcs11js, softhsm2);
      ({ tokens } = soft);
    });

    afterAll(() => soft.remove());

    const inToken = (project: TestProject) => (argv: readonly string[]) => project.json(argv, { tokens });

    test("keeps the keys of a CA and of its certificates: issue, renew, revoke, CRL", async () => {
      const project = testProject();
      const run = inToken(project);
      const made = await run(["ca", "init", "--token", `${TOKEN};object=acme`]);
      expect([made.code, made.document.message, schemaErrors(made.document)]).toEqual([0, undefined, []]);
      expect(made.document.keys).toBe("token");
      const issued = await run([...edge("truck-1"), "--key", `${TOKEN};object=truck-1`]);
      expect([issued.code, issued.document.message]).toEqual([0, undefined]);
      const { files } = issued.document;
      expect(opensslVerifies(project, files)).toBe(true);
      const before = readFileSync(files.key, "utf8");
      expect(before).toMatch(/^-----BEGIN PKCS#11 PROVIDER URI-----\n/);
      const renewed = await run(["cert", "renew", "truck-1", "--force"]);
      expect([renewed.code, renewed.document.renewed]).toEqual([0, true]);
      expect(readFileSync(files.key, "utf8")).toBe(before);
      expect(opensslVerifies(project, files)).toBe(true);
      const rotated = await run(["ca", "rotate", "intermediate"]);
      expect([rotated.code, rotated.document.message]).toEqual([0, undefined]);
      expect((await run(["cert", "renew", "truck-1", "--force"])).code).toBe(0);
      expect(opensslVerifies(project, files)).toBe(true);
      const sharing = await run([...edge("truck-3"), "--key", `${TOKEN};object=truck-1`]);
      expect([sharing.code, sharing.document.sharesKeyWith]).toEqual([0, ["truck-1"]]);
      expect(sharing.stderr).toContain("truck-3 has the key of truck-1");
      expect(issued.document.sharesKeyWith).toBeUndefined();
      const revoked = await run(["cert", "revoke", "truck-1"]);
      expect(revoked.code).toBe(0);
      const crl = join(project.directory, ".fleetsec/ca/crl.pem");
      const text = execFileSync("openssl", ["crl", "-in", crl, "-noout", "-text"], { encoding: "utf8" });
      expect(text).toContain(renewed.document.serial);
      expect(revoked.document.revoked).toHaveLength(3);
      // the keys are nowhere but in the token: not one of ours, and not one at all
      const control = await run([...edge("truck-2")]);
      const holding = project.files().filter((path) => holdsPrivateKey(readFileSync(path)));
      const own = dirname(realpathSync(control.document.files.key));
      expect(holding.sort()).toEqual([join(own, "bundle.pem"), join(own, "key.pem")]);
    });

    test("keeps the keys of a CA that follows in the token, and puts none into a file unasked", async () => {
      const project = testProject();
      const run = inToken(project);
      await run(["ca", "init", "--token", `${TOKEN};object=first`]);
      writeFileSync(join(project.directory, "pass"), "correct horse battery", { mode: 0o600 });
      for (const flags of [["--insecure-dev-key"], ["--passphrase-file", "pass"]]) {
        const ended = await project.attempt(["ca", "rotate", "begin", ...flags], { tokens });
        expect(ended).toMatchObject({ exit: 2, code: "usage", changed: false });
      }
      // what is said of every CA in the environment is no wish for a file
      const begun = await project.json(["ca", "rotate", "begin", "--yes"], {
        tokens,
        env: { FLEETSEC_PASSPHRASE: "correct horse battery" },
      });
      expect([begun.code, begun.document.message]).toEqual([0, undefined]);
      const keys = ["root", "issuing"].map((kind) =>
        [1, 2].map((n) => readFileSync(join(project.directory, `.fleetsec/ca/${n}/${kind}-key.pem`), "utf8")),
      );
      for (const [old, next] of keys) {
        expect(next).toMatch(/^-----BEGIN PKCS#11 PROVIDER URI-----\n/);
        expect(next).not.toBe(old);
        expect(uriIn(next)).toBe(uriIn(old));
      }
      // with another key of the token, or one that is not in it, the new CA could issue nothing
      const [own, old] = [keys[1]?.[1] ?? "", keys[1]?.[0] ?? ""];
      const spki = generateKeyPairSync("ed25519").publicKey.export({ type: "spki", format: "der" });
      const sign = () => Promise.reject(new Error("none"));
      const { pem: lost } = storedTokenKey({ uri: `${TOKEN};object=none`, spki, sign });
      for (const wrong of [old, lost]) {
        writeFileSync(join(project.directory, ".fleetsec/ca/2/issuing-key.pem"), wrong);
        const refused = await project.attempt(["ca", "rotate", "switch", "--loaded"], { tokens });
        expect(refused).toMatchObject({ exit: 2, code: "refused", changed: false });
        expect((await project.json(["ca", "show"], { tokens })).document.faults).toHaveLength(1);
      }
      writeFileSync(join(project.directory, ".fleetsec/ca/2/issuing-key.pem"), own);
      expect((await project.json(["ca", "show"], { tokens })).document.faults).toEqual([]);
      expect((await run(["ca", "rotate", "switch", "--loaded"])).code).toBe(0);
      const issued = await run(edge("truck-1"));
      expect(opensslVerifies(project, issued.document.files)).toBe(true);
    });

    test.each(["root", "issuing"])("certifies no key of the CA: %s", async (kind) => {
      const project = testProject();
      const label = `own-${kind}`;
      await inToken(project)(["ca", "init", "--token", `${TOKEN};object=${label}`]);
      const at = (object: string) => [...edge("truck-1"), "--key", `${TOKEN};object=${object}`];
      expect(await project.attempt(at(`${label}-${kind}`), { tokens })).toMatchObject({
        exit: 2,
        code: "refused",
        changed: false,
      });
      expect((await inToken(project)(at(`${label}-truck`))).code).toBe(0);
    });

    test.each(["p384", "ed25519", "rsa3072"] as const)("makes and uses a key of type %s", async (type) => {
      const project = testProject((config) => config.replace("pki:\n", `pki:\n  key_type: ${type}\n`));
      const run = inToken(project);
      expect((await run(["ca", "init", "--token", `${TOKEN};object=ca-${type}`])).code).toBe(0);
      const issued = await run([...edge("truck-1"), "--key", `${TOKEN};object=leaf-${type}`]);
      expect([issued.code, issued.document.message]).toEqual([0, undefined]);
      expect(opensslVerifies(project, issued.document.files)).toBe(true);
    });

    test.each(["p256", "ed25519"] as const)("keeps the key of a log, of type %s", async (type) => {
      const project = testProject();
      const run = async (argv: string) => {
        const ended = await project.run(argv.split(" "), { tokens });
        expect({ argv, ...ended }).toMatchObject({ code: 0, stderr: "" });
      };
      const log = (line: number) =>
        writeFileSync(join(project.directory, "a.log"), `{"line":${line}}\n`, { flag: "a" });
      log(1);
      const uri = `${TOKEN};object=log-${type}`;
      await run(`logs keygen --type ${type} --out keys --token ${uri}`);
      const key = readFileSync(join(project.directory, "keys/audit.key"), "utf8");
      expect(key).toMatch(/^name: fleet\.internal\/audit\n-----BEGIN PKCS#11 PROVIDER URI-----\n/);
      const sign = "logs sign --in a.log --store log";
      await run(`${sign} --key keys/audit.key`);
      // by its URI, the log's name is the project's
      log(2);
      await run(`${sign} --key ${uri}`);
      await run("logs keygen --out next");
      await run(`logs rotate-key --store log --key ${uri} --new-key next/audit.key`);
      const pub = (name: string) => readFileSync(join(project.directory, name, "audit.pub"), "utf8").trim();
      writeFileSync(join(project.directory, "trust"), `${pub("keys")} 1-3\n${pub("next")} 3-\n`);
      await run("verify-logs log --trust trust --allow-unanchored");
      const elsewhere = await project.attempt([...sign.split(" "), "--key", uri, "--origin", "other/log"], {
        tokens,
      });
      expect(elsewhere).toMatchObject({ exit: 2, changed: false });
    });

    test("makes no key where the log's files are there, nor of another kind", async () => {
      const project = testProject();
      const keygen = (...more: string[]) =>
        project.attempt(["logs", "keygen", "--token", `${TOKEN};object=spare`, ...more], { tokens });
      expect((await keygen("--encrypt")).exit).toBe(2);
      writeFileSync(join(project.directory, "audit.pub"), "mine");
      expect(await keygen()).toMatchObject({ exit: 2, code: "exists", changed: false });
      expect(await keygen("--out", "/proc/none")).toMatchObject({ exit: 2, changed: false });
      await expect(tokens.open(`${TOKEN};object=spare`)).rejects.toMatchObject({ code: "not-found" });
      expect(await keygen("--out", "keys")).toMatchObject({ exit: 0 });
      expect(await keygen("--out", "other")).toMatchObject({ exit: 2, code: "exists", changed: false });
      expect(existsSync(join(project.directory, "other"))).toBe(false);
      await tokens.generate(`${TOKEN};object=rsa`, "rsa3072");
      writeFileSync(join(project.directory, "a.log"), "{}\n");
      const sign = ["logs", "sign", "--in", "a.log", "--store", "log", "--key", `${TOKEN};object=rsa`];
      expect(await project.attempt(sign, { tokens })).toMatchObject({ exit: 2, changed: false });
    });

    test("signs a hundred times at once, each time rightly", async () => {
      for (const type of ["p256", "rsa3072"] as const) {
        const key = await tokens.generate(`${TOKEN};object=busy-${type}`, type);
        const again = await tokens.open(key.uri);
        expect(again.spki).toEqual(key.spki);
        const publicKey = createPublicKey({ key: Buffer.from(key.spki), format: "der", type: "spki" });
        const data = Array.from({ length: 100 }, (_, i) => Buffer.from(`message ${i}`));
        const signatures = await Promise.all(
          data.map((message, i) => (i % 2 === 0 ? key : again).sign(message, "sha256")),
        );
        const right = signatures.map((signature, i) =>
          verify("sha256", data[i] ?? Buffer.alloc(0), publicKey, signature),
        );
        expect(right).toEqual(data.map(() => true));
      }
    });

    test("gives out no private key: it is sensitive and cannot be extracted", async () => {
      const { uri } = await tokens.generate(`${TOKEN};object=secret`, "p256");
      expect(uri).toContain("object=secret");
      const listed = execFileSync(
        tool.path,
        ["--module", SOFTHSM, "--token-label", "fleet", "--login", "--pin", PIN, "--list-objects"],
        { encoding: "utf8" },
      );
      // a token lists its objects in any order
      const objects = listed
        .split(/^(?=\w.* Object;)/m)
        .filter((object) => object.startsWith("Private Key Object"));
      const ours = objects.find((object) => /label: +secret\n/.test(object));
      expect(ours).toContain("never extractable");
    });

    test.each(["in the environment", "in a file"])(
      "its PIN, %s, is seen by no child and left nowhere",
      async (how) => {
        const project = testProject();
        const spying = spies();
        const { file, run, leaks } = watched(project, spying);
        const { FLEETSEC_PIN: _, ...place } = soft.env;
        const isInFile = how === "in a file";
        const env = isInFile ? place : soft.env;
        const source = isInFile ? `?pin-source=${file("pin", PIN)}` : "";
        const token = (label: string) => `${TOKEN};object=${label}-${isInFile}${source}`;
        const hook = ["--exec", spying.program("reload")];
        await run(["ca", "init", "--token", token("seen-ca")], env);
        await run([...edge("a"), "--key", token("seen-a")], env);
        await run(["cert", "rotate", "a", "--force", "--audit", "audit.jsonl", ...hook], env);
        await run(["cert", "revoke", "a", ...hook], env);
        const wrong = { ...place, FLEETSEC_PIN: `${PIN}-wrong` };
        await run(["--verbose", ...edge("b"), "--key", `${TOKEN};object=seen-b`], wrong, 2);

        await run(["logs", "keygen", "--type", "p256", "--out", "keys", "--token", token("seen-log")], env);
        await run(["logs", "keygen", "--type", "p256", "--out", "other"], env);
        const key = readFileSync(join(project.directory, "other/audit.key"), "utf8");
        const pem = file("signer.pem", key.slice(key.indexOf("-----")));
        const openssl = ["openssl", "pkeyutl", "-sign", "-rawin", "-digest", "sha256", "-inkey", pem];
        const signer = ["--signer-pub", "other/audit.pub", "--signer-cmd", spying.program("signer", openssl)];
        const sign = ["logs", "sign", "--in", "audit.jsonl", "--store", "log", "--key", "keys/audit.key"];
        await run([...sign, ...signer], env);
        expect(spying.count()).toBe(3);
        expect(leaks(PIN)).toEqual([]);
        expect(leaksOf(PIN)).toContain("environ");
      },
    );

    describe("says what is wrong, and writes nothing:", () => {
      const wrong: readonly (readonly [title: string, uri: string, exit: number, code: string])[] = [
        ["no token of that label", "pkcs11:token=nobody;object=x", 2, "not-found"],
        ["several tokens", "pkcs11:object=x", 2, "not-found"],
        ["no such key, and no label to make one by", "pkcs11:token=fleet;id=%01", 2, "not-found"],
        ["a library that is none", `${TOKEN};object=x?module-path=/bin/true`, 3, "engine"],
        ["a PIN in the arguments", `${TOKEN};object=x?pin-value=1`, 2, "usage"],
      ];
      test.each(wrong)("%s", async (_title, uri, exit, code) => {
        const project = testProject();
        await project.run(["ca", "init", "--insecure-dev-key"]);
        const control = await inToken(project)([...edge("truck-0"), "--key", `${TOKEN};object=control`]);
        expect(control.code).toBe(0);
        const ended = await project.attempt([...edge("truck-1"), "--key", uri], { tokens });
        expect(ended).toMatchObject({ exit, code, changed: false });
        expect(ended.text).not.toMatch(/undefined|pin-value=1/);
      });

      test("two keys of one label", async () => {
        for (let i = 0; i < 2; i += 1) await tokens.generate(`${TOKEN};object=twin`, "p256");
        await expect(tokens.open(`${TOKEN};object=twin`)).rejects.toMatchObject({ code: "usage" });
      });

      test("a wrong PIN, and none", async () => {
        const other = "pkcs11:token=other;object=x";
        const wrongPin = systemTokens({ ...soft.settings, pin: "000000" });
        for (let i = 0; i < 2; i += 1)
          await expect(wrongPin.generate(other, "p256")).rejects.toMatchObject({ code: "passphrase" });
        const none = systemTokens({ ...soft.settings, pin: undefined });
        await expect(none.generate(other, "p256")).rejects.toMatchObject({ code: "passphrase" });
        const asked = none.asking(() => Promise.resolve(PIN));
        expect((await asked.generate(other, "p256")).uri).toContain("token=other");
      });

      test("a wrong PIN, which no command tries twice", async () => {
        const project = testProject();
        await inToken(project)(["ca", "init", "--token", `${TOKEN};object=once`]);
        await inToken(project)(["ca", "rotate", "begin", "--yes"]);
        const { count, env } = countedLogins(pkcs11js);
        const logins = (argv: string, pin: string) => {
          const before = count();
          const { status } = spawnSync(process.execPath, [PROGRAM, ...argv.split(" ")], {
            cwd: project.directory,
            env: { ...process.env, ...soft.env, ...env, FLEETSEC_PIN: pin },
          });
          return { argv, status, logins: count() - before };
        };
        const wrongPin = `${PIN}-wrong`;
        const steps = [
          ["cert issue truck-1 --role fleet-edge", 2],
          // what could not be established of a key is in its answer
          ["ca show", 0],
          ["ca rotate switch --loaded", 2],
          ["cert revoke truck-1", 2],
          ["ca rotate status", 0],
        ] as const;
        for (const [argv, status] of steps) {
          expect(logins(argv, wrongPin)).toEqual({ argv, status, logins: 1 });
          expect(logins(argv, PIN)).toEqual({ argv, status: 0, logins: 1 });
        }
        const [abort, finish] = ["ca rotate abort", "ca rotate finish"];
        for (const argv of [abort, finish])
          expect(logins(argv, wrongPin)).toEqual({ argv, status: 2, logins: 1 });
        expect(logins(finish, PIN)).toEqual({ argv: finish, status: 0, logins: 1 });
      });

      test("the package is not installed", async () => {
        const missing = systemTokens({ ...soft.settings, modules: undefined, library: "/usr/lib/other.so" });
        await expect(missing.open(TOKEN)).rejects.toMatchObject({
          code: "engine",
          message: expect.stringContaining("pkcs11js"),
          hint: expect.stringContaining("npm install pkcs11js"),
        });
      });

      test("a role that allows no such key makes none", async () => {
        const project = testProject((config) =>
          config.replace("usages: [client]\n", "usages: [client]\n      key_types: [p384]\n"),
        );
        await project.run(["ca", "init", "--insecure-dev-key"]);
        const argv = [...edge("truck-1"), "--key-type", "p256", "--key", `${TOKEN};object=unwanted`];
        expect(await project.attempt(argv, { tokens })).toMatchObject({ exit: 2, code: "refused" });
        await expect(tokens.open(`${TOKEN};object=unwanted`)).rejects.toMatchObject({ code: "not-found" });
      });
    });
  },
);

describeWithEngines(
  ["pkcs11js", "swtpm", "tpm2-abrmd", "tpm2_ptool"],
  "a TPM",
  ({ pkcs11js, swtpm, "tpm2-abrmd": broker, tpm2_ptool: ptool }) => {
    test("keeps the keys of a CA and of a certificate, through the built program, and signs a hundred times at once", async () => {
      const port = await adjacentPorts();
      const project = testProject();
      const script = join(project.directory, "tpm.sh");
      writeFileSync(script, TPM_SCRIPT);
      chmodSync(script, 0o700);
      const { status, stdout, stderr } = spawnSync("dbus-run-session", ["--", "bash", script], {
        cwd: project.directory,
        encoding: "utf8",
        timeout: 120_000,
        env: {
          ...process.env,
          SWTPM: swtpm.path,
          ABRMD: broker.path,
          PTOOL: ptool.path,
          PORT: String(port),
          CONTROL: String(port + 1),
          FLEETSEC: PROGRAM,
          SIGN_AT_ONCE: fileURLToPath(new URL("sign-at-once.mjs", import.meta.url)),
          FLEETSEC_PIN: PIN,
          FLEETSEC_MODULES: modulesOf(pkcs11js),
          FLEETSEC_PKCS11_MODULE: tpmLibrary(),
        },
      });
      expect({ status, stderr: status === 0 ? "" : stderr }).toEqual({ status: 0, stderr: "" });
      const documents = stdout
        .split("\n")
        .filter((line) => line.startsWith("{"))
        .map((line) => JSON.parse(line) as { schema: string; keys?: string });
      // a hundred at once, with one key that was opened twice
      expect(documents.pop()).toEqual({ schema: "signatures", right: 100, wrong: 0 });
      expect(documents.map(({ schema }) => schema)).toEqual([
        "fleetsec.ca-init/v1",
        "fleetsec.cert-issue/v1",
        "fleetsec.cert-renew/v1",
        "fleetsec.cert-verify/v1",
        "fleetsec.cert-revoke/v1",
        "fleetsec.cert-sign/v1",
        "fleetsec.logs-keygen/v1",
        "fleetsec.logs-sign/v1",
        "fleetsec.verify-logs/v1",
      ]);
      // openssl's word for what the TPM has signed: the CSR's certificate, and a CRL that holds the revoked serial
      expect(stdout).toContain("partner.pem: OK");
      expect(stdout).toContain("verify OK");
      const serial = /^serial=(\w+)$/m.exec(stdout)?.[1] ?? "no serial";
      expect(stdout).toContain(`Serial Number: ${serial}`);
      expect(documents[0]?.keys).toBe("token");
      const holding = project.files().filter((path) => holdsPrivateKey(readFileSync(path)));
      expect(holding).toEqual([]);
    }, 150_000);
  },
);

/** A place for the package that counts the logins of other processes, and is the real one else. */
function countedLogins(pkcs11js: Engine) {
  const modules = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  onTestFinished(() => rmSync(modules, { recursive: true, force: true }));
  const [log, home] = [join(modules, "logins"), join(modules, "node_modules/pkcs11js")];
  writeFileSync(log, "");
  mkdirSync(home, { recursive: true });
  const real = JSON.stringify(join(modulesOf(pkcs11js), "node_modules/pkcs11js"));
  const counting = `const { PKCS11 } = require(${real});
exports.PKCS11 = class extends PKCS11 {
  C_Login(...args) {
    require("node:fs").appendFileSync(${JSON.stringify(log)}, "x");
    return super.C_Login(...args);
  }
};
`;
  writeFileSync(join(home, "index.js"), counting);
  return { count: () => readFileSync(log).length, env: { FLEETSEC_MODULES: modules } };
}

/** A software TPM with a broker (without it the TPM runs out of contexts), and the tour in it. */
const TPM_SCRIPT = `set -euo pipefail
mkdir tpm store
"$SWTPM" socket --tpm2 --tpmstate dir=tpm --server "type=tcp,port=$PORT" --ctrl "type=tcp,port=$CONTROL" \\
  --flags not-need-init,startup-clear >swtpm.log 2>&1 &
tpm=$!
trap 'kill "$tpm"' EXIT
wait_for() { # PID COMMAND...
  local pid=$1 tries=300
  shift
  until "$@" >/dev/null 2>&1; do
    kill -0 "$pid" && ((tries-- > 0)) || { cat ./*.log >&2; exit 1; }
    sleep 0.1
  done
}
# it takes one client, which must not be a test of whether it listens
wait_for "$tpm" grep -q ":$(printf %04X "$CONTROL") 00000000:0000 0A" /proc/net/tcp
"$ABRMD" --session --allow-root --tcti="swtpm:host=127.0.0.1,port=$PORT" >abrmd.log 2>&1 &
broker=$!
trap 'kill "$broker" "$tpm"' EXIT
wait_for "$broker" dbus-send --session --print-reply --dest=org.freedesktop.DBus / \\
  org.freedesktop.DBus.GetNameOwner string:com.intel.tss2.Tabrmd
export TPM2TOOLS_TCTI=tabrmd:bus_type=session TPM2_PKCS11_TCTI=tabrmd:bus_type=session TPM2_PKCS11_STORE="$PWD/store"
"$PTOOL" init --path store
"$PTOOL" addtoken --pid 1 --sopin 13579 --userpin "$FLEETSEC_PIN" --label fleet --path store
fleetsec() { node "$FLEETSEC" --json "$@" | node -e 'console.log(JSON.stringify(JSON.parse(fs.readFileSync(0))))'; }
fleetsec ca init --token "pkcs11:token=fleet"
fleetsec cert issue truck-1 --role fleet-edge --key "pkcs11:token=fleet;object=truck-1"
fleetsec cert renew truck-1 --force
fleetsec cert verify .fleetsec/certs/truck-1/current/cert.pem
fleetsec cert revoke truck-1
elsewhere=$(mktemp -d)
trap 'kill "$broker" "$tpm"; rm -rf "$elsewhere"' EXIT
openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=partner \\
  -keyout "$elsewhere/key.pem" -out partner.csr 2>"$elsewhere/openssl.log"
fleetsec cert sign partner.csr --role fleet-edge --out partner.pem
openssl verify -x509_strict -CAfile .fleetsec/ca/bundle.pem -untrusted partner.pem partner.pem
openssl crl -in .fleetsec/ca/1/issuing-crl.pem -CAfile .fleetsec/ca/1/issuing-cert.pem -noout -text 2>&1
openssl x509 -in .fleetsec/certs/truck-1/current/cert.pem -noout -serial
echo '{"event":1}' >a.log
fleetsec logs keygen --type p256 --token "pkcs11:token=fleet"
fleetsec logs sign --in a.log --store log --key audit.key
fleetsec verify-logs log --trust audit.pub --allow-unanchored
node "$SIGN_AT_ONCE" "pkcs11:token=fleet;object=busy" 100
`;

/** The first of two free ports side by side: the TPM's client takes the second for its control channel. */
async function adjacentPorts(): Promise<number> {
  for (let attempt = 0; attempt < 50; attempt += 1) {
    const [port = 0] = await freePorts(1);
    const server = createServer();
    const isFree = await new Promise<boolean>((resolve) => {
      server.once("error", () => resolve(false));
      server.listen(port + 1, "127.0.0.1", () => resolve(true));
    });
    if (!isFree) continue;
    await new Promise((resolve) => server.close(resolve));
    return port;
  }
  throw new Error("no two free ports side by side");
}

/** Debian's place for it has the machine's architecture in it. */
function tpmLibrary(): string {
  const candidates = readdirSync("/usr/lib").map((name) => `/usr/lib/${name}/pkcs11/libtpm2_pkcs11.so`);
  return candidates.find((path) => existsSync(path)) ?? "no libtpm2_pkcs11.so below /usr/lib";
}

/** The URI that stands for a key, without what tells keys of one label apart. */
function uriIn(pem = ""): string {
  const text = Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64").toString("latin1");
  return (/pkcs11:.*/.exec(text)?.[0] ?? "").replace(/;?id=[^;?]*/, "");
}

function opensslVerifies(
  project: TestProject,
  files: { readonly cert: string; readonly chain: string },
): boolean {
  const bundle = join(project.directory, ".fleetsec/ca/bundle.pem");
  const args = ["verify", "-x509_strict", "-CAfile", bundle, "-untrusted", files.chain, files.cert];
  return spawnSync("openssl", args, { encoding: "utf8" }).status === 0;
}
