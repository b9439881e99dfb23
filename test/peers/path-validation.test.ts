import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import { encodePem } from "../../src/pki/pem.ts";
import { EXTENSION_RULES } from "../../src/pki/verify/extensions.ts";
import { verifyCertificate } from "../../src/pki/verify/verify.ts";
import type { Identity } from "../pki/verify/forge.ts";
import { describeWithEngines, type Engine } from "./engines.ts";
import { extensionOddities, makePath, oddities, type Oddity, type Path } from "./path-faults.ts";
import { explanations } from "./path-explanations.ts";
import { succeeds } from "./succeeds.ts";

const NOW = Date.now();
/** Whether each accepts a path for a TLS client. */
type Verdicts = Readonly<Record<"fleetsec" | "openssl" | "go" | "gnutls", boolean>>;

const pemOf = ({ certificate }: Identity) => encodePem("CERTIFICATE", certificate.der);

function fleetsecAccepts({ root, issuing, leaf }: Path): boolean {
  return verifyCertificate({
    certificate: leaf.certificate,
    intermediates: [issuing.certificate],
    anchors: [root.certificate],
    at: NOW,
    purpose: "client",
  }).ok;
}

/** The same random numbers in every run (mulberry32). */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const ENGINES = ["openssl", "go", "certtool"] as const;

describeWithEngines(ENGINES, "path validation by others", pathValidation, { isPage: true });

function pathValidation(engines: Readonly<Record<(typeof ENGINES)[number], Engine>>): void {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  const goVerify = join(directory, "x509verify");
  afterAll(() => rmSync(directory, { recursive: true, force: true }));

  beforeAll(() => {
    const cwd = fileURLToPath(new URL("go/x509verify", import.meta.url));
    execFileSync(engines.go.path, ["build", "-o", goVerify, "."], {
      cwd,
      env: { ...process.env, GOFLAGS: "-mod=mod" },
    });
  }, 180_000);

  /** Go's verdicts, all by one process. */
  function goAccepts(paths: readonly Path[]): boolean[] {
    const requests = paths.map(({ root, issuing, leaf }) =>
      JSON.stringify({ Leaf: pemOf(leaf), Chain: pemOf(issuing), Roots: pemOf(root), Usage: "client" }),
    );
    const answers = execFileSync(goVerify, {
      input: `${requests.join("\n")}\n`,
      encoding: "utf8",
      maxBuffer: 1 << 24,
    });
    return answers
      .trim()
      .split("\n")
      .map((line) => (JSON.parse(line) as { ok: boolean }).ok);
  }

  async function judge(paths: readonly Path[]): Promise<Verdicts[]> {
    const byGo = goAccepts(paths);
    expect(byGo).toHaveLength(paths.length);
    const verdicts: Verdicts[] = [];
    for (const [i, path] of paths.entries()) {
      const { openssl, gnutls } = await othersAccept(path, engines);
      verdicts.push({ fleetsec: fleetsecAccepts(path), openssl, go: byGo[i] === true, gnutls });
    }
    return verdicts;
  }

  async function othersAccept(
    path: Path,
    { openssl, certtool }: Readonly<Record<"openssl" | "certtool", Engine>>,
  ) {
    const file = (name: string, ...identities: Identity[]) => {
      const at = join(directory, name);
      writeFileSync(at, identities.map(pemOf).join(""));
      return at;
    };
    const root = file("root.pem", path.root);
    const [issuing, leaf] = [file("issuing.pem", path.issuing), file("leaf.pem", path.leaf)];
    const chain = file("chain.pem", path.leaf, path.issuing);
    const strict = [
      "verify",
      "-x509_strict",
      "-purpose",
      "sslclient",
      "-CAfile",
      root,
      "-untrusted",
      issuing,
      leaf,
    ];
    const verify = [
      "--verify",
      "--load-ca-certificate",
      root,
      "--verify-purpose",
      "1.3.6.1.5.5.7.3.2",
      "--infile",
      chain,
    ];
    return {
      openssl: await succeeds(openssl.path, strict),
      gnutls: await succeeds(certtool.path, verify),
    };
  }

  test("agrees for every oddity, or the page says why not", async () => {
    const named = await oddities(NOW);
    const paths: Path[] = [];
    for (const oddity of named.values()) paths.push(await makePath(NOW, [oddity]));
    const verdicts = await judge(paths);
    const rows = [...named.keys()].map((name, i) => ({ name, verdict: verdicts[i] as Verdicts }));
    expect(rows[0]?.verdict).toEqual({ fleetsec: true, openssl: true, go: true, gnutls: true });
    expect(rows.filter(({ verdict }) => isLax(verdict))).toEqual([]);
    const differing = rows.filter(({ verdict }) => new Set(Object.values(verdict)).size > 1);
    expect(differing.map(({ name }) => name).sort()).toEqual(Object.keys(explanations).sort());
    const versions = `OpenSSL ${engines.openssl.version}, Go ${engines.go.version} and GnuTLS ${engines.certtool.version}`;
    await expect(page(rows, versions)).toMatchFileSnapshot("../../docs/verify-agreement.md");
  }, 180_000);

  test("accepts nothing that OpenSSL refuses: every extension that is known, critical and not", async () => {
    const named = [...extensionOddities()];
    const paths: Path[] = [];
    for (const [, oddity] of named) paths.push(await makePath(NOW, [oddity]));
    const verdicts = await judge(paths);
    const tried = named.map(([name], i) => ({ name, verdict: verdicts[i] as Verdicts }));
    expect(tried.filter(({ verdict }) => isLax(verdict))).toEqual([]);
    // each is well-formed: both take it somewhere, but for those that always refuse here
    const taken = tried.filter(({ verdict }) => verdict.fleetsec && verdict.openssl);
    const known = [...EXTENSION_RULES.values()].map(({ name }) => name);
    expect(known.filter((rule) => !taken.some(({ name }) => name.startsWith(`${rule} `)))).toEqual([
      "policyConstraints",
      "inhibitAnyPolicy",
      "ipAddrBlocks",
      "autonomousSysIds",
      "proxyCertInfo",
    ]);
  }, 180_000);

  test("accepts nothing that OpenSSL refuses: 100 paths of up to three oddities each", async () => {
    const named = [...(await oddities(NOW)).entries()];
    const random = randomNumbers(5280);
    const drawn: { names: string[]; path: Path }[] = [];
    for (let i = 0; i < 100; i += 1) {
      const chosen = Array.from(
        { length: 1 + Math.floor(random() * 3) },
        () => named[Math.floor(random() * named.length)],
      );
      const pairs = chosen.filter((pair): pair is [string, Oddity] => pair !== undefined);
      const path = await makePath(
        NOW,
        pairs.map(([, oddity]) => oddity),
      );
      drawn.push({ names: pairs.map(([name]) => name), path });
    }
    const verdicts = await judge(drawn.map(({ path }) => path));
    const lax = drawn.filter((_, i) => isLax(verdicts[i] as Verdicts)).map(({ names }) => names);
    expect(lax).toEqual([]);
    // both verdicts occur, or the comparison would be empty
    expect(new Set(verdicts.map(({ fleetsec }) => fleetsec))).toEqual(new Set([true, false]));
  }, 180_000);
}

/** Accepted here and refused by OpenSSL, and so by most gateways. */
function isLax({ fleetsec, openssl }: Verdicts): boolean {
  return fleetsec && !openssl;
}

function page(
  rows: readonly { readonly name: string; readonly verdict: Verdicts }[],
  versions: string,
): string {
  const word = (accepted: boolean) => (accepted ? "accepted" : "refused");
  const lines = rows.map(
    ({ name, verdict: { fleetsec, openssl, go, gnutls } }) =>
      `| ${name} | ${[fleetsec, openssl, go, gnutls].map(word).join(" | ")} |`,
  );
  const reasons = rows.flatMap(({ name }) =>
    name in explanations ? `| ${name} | ${explanations[name]} |` : [],
  );
  return `# cert verify beside other verifiers

Paths of a root, an issuing CA and a leaf for a TLS client, each with one thing unusual about it, judged by
\`fleetsec cert verify --purpose client\`, \`openssl verify -x509_strict -purpose sslclient\`, Go's
\`crypto/x509\` and \`certtool --verify\`. \`test/peers/path-validation.test.ts\` makes the paths, asks
${versions}, and fails when this page and the
run differ; with \`-u\` it writes the page anew. It also draws 100 paths with up to three of these at once, and
tries every extension that is known here, critical and not, in each certificate of a path.
Nothing is accepted here that OpenSSL refuses.

| what is unusual | fleetsec | OpenSSL | Go | GnuTLS |
|---|---|---|---|---|
${lines.join("\n")}

## Why they differ

Where verdicts differ, fleetsec takes the strict side, but for what RFC 5280 allows outright.

| what is unusual | why |
|---|---|
${reasons.join("\n")}
`;
}
