import { createPrivateKey, randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { TLSSocket } from "node:tls";
import { Ajv2020 } from "ajv/dist/2020.js";
import { beforeAll, describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { encryptedKeyPem } from "../../src/pki/key-file.ts";
import type { ProbeResult } from "../../src/probe/result.ts";
import { newWorld, type World } from "../probe/support/probing.ts";
import { httpsServer, tcpServer } from "../probe/support/servers.ts";
import { testCa, testLeaf } from "../probe/support/certificates.ts";
import { runCli } from "../support/cli.ts";
import { inDays } from "../support/days.ts";
import { scratch } from "../support/scratch.ts";

const schema = JSON.parse(
  readFileSync(new URL("../../docs/schema/probe.v1.json", import.meta.url), "utf8"),
) as object;
const isValid = new Ajv2020({ strict: true, allowUnionTypes: true }).compile(schema);
const ESSENTIAL = ["--attack", "no-cert", "self-signed", "wrong-ca"];

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** The files that the flags name, in a directory of the test's own. */
function files() {
  const directory = scratch();
  const put = (name: string, text: string) => {
    const path = join(directory, name);
    writeFileSync(path, text, { mode: 0o600 });
    return path;
  };
  return {
    directory,
    put,
    root: put("root.pem", world.root.pem),
    cert: put("client.pem", world.client.pem),
    key: put("client.key", world.client.keyPem),
    ca: put("ca.pem", world.ca.pem),
    caKey: put("ca.key", world.ca.keyPem),
  };
}

function flagsFor({ root, cert, key }: ReturnType<typeof files>): string[] {
  return ["--server-ca", root, "--client-cert", cert, "--client-key", key];
}

function server(rejectUnauthorized: boolean, ticketKeys: Buffer = randomBytes(48)): Promise<number> {
  const { pem, keyPem } = world.server;
  const options = { cert: pem, key: keyPem, ca: [world.root.pem], sigalgs: "ecdsa_secp256r1_sha256" };
  return httpsServer(
    { ...options, ticketKeys, requestCert: true, rejectUnauthorized },
    (_request, response) => {
      response.end("hello");
    },
  );
}

describe("probe", () => {
  test("what is only reported fails the run where the user requires its refusal", async () => {
    const given = files();
    const ca = ["--client-ca", given.ca, "--client-ca-key", given.caKey];
    const url = `https://localhost:${await server(true)}/`;
    const args = ["probe", url, ...flagsFor(given), ...ca, "--attack", "no-cert", "no-eku"];
    expect((await runCli([...args, "--delay", "0.01"], { cwd: given.directory })).code).toBe(0);
    const required = await runCli([...args, "--require", "no-eku"], { cwd: given.directory });
    expect([required.code, required.stdout.includes("✗ no-eku was accepted")]).toEqual([1, true]);
  });

  test("an enforced endpoint ends with 0, in text of 80 columns and in JSON by its schema", async () => {
    const given = files();
    const args = ["probe", `https://localhost:${await server(true)}/`, ...flagsFor(given)];
    const text = await runCli([...args, ...ESSENTIAL], { cwd: given.directory });
    expect(text.code).toBe(0);
    expect(text.stdout).toContain("ENFORCED");
    expect(text.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const json = await runCli([...args, "--client-ca", given.ca, "--client-ca-key", given.caKey, "--json"], {
      cwd: given.directory,
    });
    expect(json.code).toBe(0);
    const document = JSON.parse(json.stdout) as {
      ok: boolean;
      endpoints: { attacks: { id: string; outcome: string }[] }[];
    };
    expect(isValid(document) ? [] : isValid.errors).toEqual([]);
    expect(document.ok).toBe(true);
    expect(
      document.endpoints[0]?.attacks.filter(({ outcome }) => outcome === "not-run").map(({ id }) => id),
    ).toEqual(["revoked", "sni-host-mismatch", "other-identity"].flatMap((id) => [id, id]));
  });

  test("a bypassed endpoint ends with 1 and tells what to change", async () => {
    const given = files();
    const args = ["probe", `https://localhost:${await server(false)}/`, ...flagsFor(given), ...ESSENTIAL];
    const text = await runCli(args, { cwd: given.directory });
    expect(text.code).toBe(1);
    expect(text.stdout).toContain("✗ no-cert was accepted on TLS 1.3 and TLS 1.2");
    expect(text.stdout).toContain("ssl_verify_client on");
    expect(text.stdout.split("\n").filter((line) => line.length > 80)).toEqual([]);
    const json = await runCli([...args, "--json"], { cwd: given.directory });
    expect(json.code).toBe(1);
    const document: unknown = JSON.parse(json.stdout);
    expect(isValid(document) ? [] : isValid.errors).toEqual([]);
    expect(document).toMatchObject({ ok: false, summary: { enforced: 0, bypassed: 1, inconclusive: 0 } });
  });

  test("a dead port ends with 3", async () => {
    const given = files();
    const result = await runCli(["probe", "https://127.0.0.1:1/", ...flagsFor(given), "--json"], {
      cwd: given.directory,
    });
    expect(result.code).toBe(3);
    const document: unknown = JSON.parse(result.stdout);
    expect(isValid(document) ? [] : isValid.errors).toEqual([]);
    expect(document).toMatchObject({ ok: false, summary: { inconclusive: 1 } });
  });

  test("without a CA key, what needs it is not run, by name", async () => {
    const given = files();
    const args = [
      "probe",
      `https://localhost:${await server(true)}/`,
      ...flagsFor(given),
      "--attack",
      "no-cert",
      "expired",
    ];
    const { code, stdout } = await runCli(args, { cwd: given.directory });
    expect(code).toBe(0);
    expect(stdout).toContain("· not run: expired: needs the key of the CA");
  });

  describe("keys that are encrypted", () => {
    const PASSPHRASE = "the passphrase of the test";
    const encrypted = (pem: string) =>
      encryptedKeyPem(createPrivateKey(pem), PASSPHRASE, { random: randomBytes, iterations: 1000 });
    const probing = async (env: Record<string, string>, passphrase?: string) => {
      const given = files();
      given.put("client.key", await encrypted(world.client.keyPem));
      given.put("ca.key", await encrypted(world.ca.keyPem));
      const args = ["probe", `https://localhost:${await server(true)}/`, ...flagsFor(given), "--json"];
      const ca = ["--client-ca", given.ca, "--client-ca-key", given.caKey];
      const supplied = ["--identity", `revoked=${given.cert},${given.key}`];
      const attacks = ["--attack", "no-cert", "expired", "revoked"];
      const file = passphrase === undefined ? [] : ["--passphrase-file", given.put("pw", `${passphrase}\n`)];
      const all = [...args, ...ca, ...supplied, ...attacks, ...file];
      const { code, stdout } = await runCli(all, { cwd: given.directory, env });
      return {
        exit: code,
        ...(JSON.parse(stdout) as Partial<ProbeResult> & { message?: string; hint?: string }),
      };
    };

    test.each<[string, Record<string, string>, string | undefined]>([
      ["in the environment", { FLEETSEC_PASSPHRASE: PASSPHRASE }, undefined],
      ["in a file", {}, PASSPHRASE],
      ["in a file, whatever the environment holds", { FLEETSEC_PASSPHRASE: "another" }, PASSPHRASE],
    ])("are opened with the passphrase %s", async (_where, env, passphrase) => {
      const { exit, endpoints = [] } = await probing(env, passphrase);
      const outcomes = new Map(endpoints[0]?.attacks.map(({ id, outcome }) => [id, outcome]));
      // the supplied identity is the valid client's: that it is accepted shows that its key was opened too
      expect(["no-cert", "expired", "revoked"].map((id) => outcomes.get(id))).toEqual([
        "refused",
        "refused",
        "accepted",
      ]);
      expect(exit).toBe(1);
    });

    test("are not without one, nor with a wrong one, and the message says what to do", async () => {
      const without = await probing({});
      expect([without.exit, without.message?.includes("client.key is encrypted")]).toEqual([2, true]);
      expect(without.hint).toBe("set FLEETSEC_PASSPHRASE, or name a file with --passphrase-file");
      const wrong = await probing({}, "another");
      expect([wrong.exit, wrong.endpoints]).toEqual([2, undefined]);
      expect(wrong.message).toMatch(/the passphrase for .*client\.key is wrong/);
    });
  });

  test("without any identity an open server is still found", async () => {
    const given = files();
    const args = [
      "probe",
      `https://localhost:${await server(false)}/`,
      "--server-ca",
      given.root,
      "--attack",
      "no-cert",
    ];
    const { code, stderr } = await runCli(args, { cwd: given.directory });
    expect(code).toBe(1);
    expect(stderr).toContain("there is no valid client");
  });

  test("a client is issued from --client-ca where there is none", async () => {
    const given = files();
    const args = ["probe", `https://localhost:${await server(true)}/`, "--server-ca", given.root];
    const ca = ["--client-ca", given.ca, "--client-ca-key", given.caKey];
    expect((await runCli([...args, ...ca, ...ESSENTIAL], { cwd: given.directory })).code).toBe(0);
  });

  test("--client-ca without its key gives certificates to send; what needs the key is listed", async () => {
    const given = files();
    const { pem, keyPem } = world.server;
    const options = { cert: pem, key: keyPem, ca: [world.root.pem], maxVersion: "TLSv1.2" as const };
    const inner = await httpsServer(
      { ...options, sigalgs: "ecdsa_secp256r1_sha256", requestCert: true, rejectUnauthorized: true },
      (_request, response) => void response.end("hello"),
    );
    const sent: Buffer[] = [];
    // TLS 1.2 shows what clients send
    const port = await tcpServer((socket) => {
      const to = connect(inner, "127.0.0.1");
      for (const one of [socket, to]) one.on("error", () => {});
      socket.on("data", (bytes: Buffer) => sent.push(bytes));
      socket.pipe(to).pipe(socket);
    });
    const probing = async (...ca: string[]) => {
      sent.length = 0;
      const args = ["probe", `https://localhost:${port}/`, ...flagsFor(given), ...ca, "--concurrency", "1"];
      const attacks = ["--attack", "no-cert", "self-signed", "wrong-ca", "expired"];
      const { code, stdout } = await runCli([...args, ...attacks, "--json"], { cwd: given.directory });
      const { endpoints } = JSON.parse(stdout) as ProbeResult;
      const expired = endpoints[0]?.attacks.filter(({ id, tls }) => id === "expired" && tls === "1.2");
      const root = Buffer.concat(sent).includes(Buffer.from(world.root.der));
      return { code, root, expired: expired?.map(({ outcome, evidence }) => `${outcome}: ${evidence}`) };
    };
    const expired = [expect.stringMatching(/^not-run: .*--client-ca-key/)];
    expect(await probing()).toEqual({ code: 0, root: false, expired });
    const both = given.put("cas.pem", world.ca.pem + world.root.pem);
    expect(await probing("--client-ca", both)).toEqual({ code: 0, root: true, expired });
  });

  test("the dev CA gives the client, the forgeries and the trust; targets come from the configuration", async () => {
    const directory = scratch();
    const env = { FLEETSEC_PASSPHRASE: "a passphrase for the test" };
    const run = (...args: string[]) => runCli(args, { cwd: directory, env });
    writeFileSync(
      join(directory, "fleetsec.yaml"),
      `version: 1
name: acme
domain: fleet.internal
pki:
  roles:
    fleet-edge: {usages: [client], allowed_domains: [fleet.internal], application_roles: [vehicle_agent]}
    gateway: {usages: [server], allowed_domains: [fleet.internal, localhost], allow_bare_domains: true, allow_ip_sans: true}
`,
    );
    expect((await run("ca", "init", "--insecure-dev-key")).code).toBe(0);
    const issued = await run(
      "cert",
      "issue",
      "gateway",
      "--role",
      "gateway",
      "--san",
      "dns:localhost",
      "--json",
    );
    expect(issued.code).toBe(0);
    const { files: paths } = JSON.parse(issued.stdout) as { files: Record<"bundle" | "key", string> };
    const at = (path: string) =>
      readFileSync(join(directory, path.startsWith(directory) ? path.slice(directory.length) : path));
    const ca = readFileSync(join(directory, ".fleetsec/ca/bundle.pem"));
    const options = {
      cert: at(paths.bundle),
      key: at(paths.key),
      ca,
      requestCert: true,
      rejectUnauthorized: true,
    };
    const roles: unknown[] = [];
    const port = await httpsServer({ ...options, sigalgs: "ecdsa_secp256r1_sha256" }, (request, response) => {
      roles.push((request.socket as TLSSocket).getPeerCertificate().subject.OU);
      response.end("hello");
    });
    const config = readFileSync(join(directory, "fleetsec.yaml"), "utf8");
    writeFileSync(
      join(directory, "fleetsec.yaml"),
      `${config}probe:\n  targets: ["https://localhost:${port}/"]\n  timeout: 5s\n  concurrency: 4\n`,
    );
    const result = await run(
      "probe",
      "--json",
      "--attack",
      "no-cert",
      "self-signed",
      "wrong-ca",
      "expired",
      "server-auth-only",
    );
    expect(result.code).toBe(0);
    expect(roles[0]).toBe("vehicle_agent");
    const document = JSON.parse(result.stdout) as {
      endpoints: { attacks: { id: string; outcome: string }[] }[];
    };
    const refused = document.endpoints[0]?.attacks
      .filter(({ outcome }) => outcome === "refused")
      .map(({ id }) => id);
    expect(new Set(refused)).toEqual(
      new Set(["no-cert", "self-signed", "wrong-ca", "expired", "server-auth-only"]),
    );
  });

  test("identities and trust may stand in the configuration, and --resolve stands in for DNS", async () => {
    const given = files();
    const port = await server(true);
    given.put(
      "fleetsec.yaml",
      `version: 1
name: acme
domain: fleet.internal
probe:
  targets: ["https://localhost:${port}/"]
  server_ca: root.pem
  client_cert: client.pem
  client_key: client.key
  client_ca: ca.pem
  client_ca_key: ca.key
  identities:
    revoked: { cert: client.pem, key: client.key }
`,
    );
    const ids = ["--attack", "no-cert", "expired", "revoked"];
    const result = await runCli(["probe", "--json", ...ids, "--resolve", `localhost:${port}:127.0.0.1`], {
      cwd: given.directory,
    });
    // the supplied identity is the valid client's: it is accepted, and so the run shows that it was used
    expect(result.code).toBe(1);
    const document = JSON.parse(result.stdout) as {
      endpoints: { attacks: { id: string; outcome: string }[] }[];
    };
    const outcomes = new Map(document.endpoints[0]?.attacks.map(({ id, outcome }) => [id, outcome]));
    expect(["no-cert", "expired", "revoked"].map((id) => outcomes.get(id))).toEqual([
      "refused",
      "refused",
      "accepted",
    ]);
    const elsewhere = await runCli(["probe", "--json", ...ids, "--resolve", `localhost:${port}:127.0.0.9`], {
      cwd: given.directory,
    });
    expect(elsewhere.code).toBe(3);
    expect(JSON.parse(elsewhere.stdout)).toMatchObject({ endpoints: [{ address: "127.0.0.9" }] });
  });

  test("an interruption prints what is known and ends with 130", async () => {
    const controller = new AbortController();
    const given = files();
    const port = await tcpServer(() =>
      setTimeout(() => controller.abort(new FleetsecError("interrupted", "interrupted")), 50),
    );
    const result = await runCli(["probe", `https://localhost:${port}/`, ...flagsFor(given), "--json"], {
      cwd: given.directory,
      signal: controller.signal,
    });
    expect(result.code).toBe(130);
    const document: unknown = JSON.parse(result.stdout);
    expect(isValid(document) ? [] : isValid.errors).toEqual([]);
    expect(document).toMatchObject({ interrupted: true, ok: false });
  });

  test("a baseline lets a bypass pass, and warns of what it no longer needs", async () => {
    const given = files();
    const target = `https://localhost:${await server(false)}/`;
    const probe = (...argv: string[]) =>
      runCli(["probe", target, ...flagsFor(given), "--attack", "no-cert", "plaintext", ...argv], {
        cwd: given.directory,
      });
    const path = join(given.directory, "new.yaml");
    expect((await probe("--write-baseline", "new.yaml")).code).toBe(1);
    const empty = readFileSync(path, "utf8");
    expect(empty.match(/attack: no-cert/g)).toHaveLength(2);
    expect((await probe("--baseline", "new.yaml")).code).toBe(2);
    expect((await probe("--write-baseline", "new.yaml")).code).toBe(2);
    expect(readFileSync(path, "utf8")).toBe(empty);
    const mended = `  - {attack: plaintext, target: "${target}", expires: ${inDays(9)}, reason: once}\n`;
    writeFileSync(path, `${empty.replaceAll('reason: ""', "reason: moves in January")}${mended}`);
    const held = await probe("--baseline", "new.yaml", "--json");
    expect(held.stderr).toContain(`entry for plaintext at ${target} is not needed any more`);
    const document = JSON.parse(held.stdout) as object;
    expect(isValid(document) ? [] : isValid.errors).toEqual([]);
    expect({ code: held.code, document }).toMatchObject({
      code: 0,
      document: { ok: true, endpoints: [{ verdict: "bypassed" }] },
    });
    const wrong =
      "  - {attack: twin-cb, target: 'https://localhost:*/', expires: 2020-01-01, reason: once}\n";
    writeFileSync(path, `${readFileSync(path, "utf8")}${wrong}`);
    const misread = await probe("--baseline", "new.yaml");
    const line = readFileSync(path, "utf8").split("\n").length - 1;
    expect([misread.code, misread.stderr.split("\n").slice(0, 3)]).toEqual([
      2,
      [
        expect.stringContaining("new.yaml"),
        `  line ${line}: accept.3.attack: there is no attack twin-cb: did you mean twin-ca?`,
        `  line ${line}: accept.3.target: https://localhost:*/: the host is neither a name nor an IP address`,
      ],
    ]);
    writeFileSync(
      path,
      readFileSync(path, "utf8")
        .replace(wrong, "")
        .replaceAll(/expires: .*?(?=\n|,)/g, "expires: 2020-01-01"),
    );
    const expired = await probe("--baseline", "new.yaml");
    expect(expired.code).toBe(1);
    expect(expired.stderr).toContain("expired on 2020-01-01");
  });

  test("shards probe each target once, and report merge joins them", async () => {
    const given = files();
    const ports = [await server(true), await server(true), await server(false)];
    const targets = ports.map((port) => `https://localhost:${port}/`);
    const only = ["--attack", "no-cert"];
    const probe = (shard: string) =>
      runCli(
        [
          "probe",
          ...targets,
          ...flagsFor(given),
          ...only,
          "--shard",
          shard,
          "--report",
          `json=${shard[0]}.json`,
        ],
        { cwd: given.directory },
      );
    expect((await probe("1/2")).code).toBe(0);
    expect((await probe("2/2")).code).toBe(1);
    const merged = await runCli(["report", "merge", "1.json", "2.json", "--json"], { cwd: given.directory });
    const document = JSON.parse(merged.stdout) as { endpoints: { target: string }[] };
    expect(merged.code).toBe(1);
    expect(document.endpoints.map(({ target }) => target)).toEqual(targets);
    for (const shard of ["0/2", "3/2", "4/4", "1", "1/0", "x"]) expect((await probe(shard)).code).toBe(2);
  });

  test("a shard that tries less than the others is not joined with them", async () => {
    const given = files();
    const targets = [await server(true), await server(false)].map((port) => `https://localhost:${port}/`);
    const run = async (...args: string[]) => runCli(args, { cwd: given.directory });
    const probe = async (index: number, ...attacks: string[]) => {
      const shard = ["--shard", `${index}/2`, "--report", `json=${index}.json`];
      return run("probe", ...targets, ...flagsFor(given), ...shard, "--attack", ...attacks);
    };
    const merge = async () => run("report", "merge", "1.json", "2.json");
    expect((await probe(1, "no-cert", "odd-sni")).code).toBe(0);
    // what stays unclear there is none of the lax server's fault
    expect((await probe(2, "anonymous-suites")).code).toBe(0);
    const narrowed = await merge();
    expect(narrowed.code).toBe(2);
    expect(narrowed.stderr).toContain("attacks in 1.json alone: no-cert, odd-sni");
    await probe(2, "no-cert", "odd-sni");
    expect((await merge()).code).toBe(1);
  });

  test("a shard with another client, name or time-out is not joined with them", async () => {
    const given = files();
    const targets = [await server(true), await server(true)].map((port) => `https://127.0.0.1:${port}/`);
    const run = async (...args: string[]) => runCli(args, { cwd: given.directory });
    const probe = async (index: number, ...flags: string[]) => {
      const shard = ["--shard", `${index}/2`, "--report", `json=${index}.json`, "--attack", "no-cert"];
      return run("probe", ...targets, ...flagsFor(given), ...shard, ...flags);
    };
    const merge = async () => run("report", "merge", "1.json", "2.json");
    const other = await testLeaf(world.ca, { commonName: "other", purpose: "client", chain: [world.ca] });
    expect((await probe(1)).code).toBe(0);
    expect((await probe(2)).code).toBe(0);
    expect((await merge()).code).toBe(0);
    await probe(2, "--timeout", "5", "--servername", "localhost");
    const otherWay = await merge();
    expect(otherWay.code).toBe(2);
    expect(otherWay.stderr).toContain("given in 2.json alone: a time-out of 5 s");
    const named = targets.map((target) => `${target} as localhost`).sort();
    expect(otherWay.stderr).toContain(`server names in 2.json alone: ${named.join(", ")}`);
    given.put("client.pem", other.pem);
    given.put("client.key", other.keyPem);
    await probe(2);
    const otherClient = await merge();
    expect(otherClient.code).toBe(2);
    expect(otherClient.stderr).toContain("certificates in 2.json alone: client sha256:");
    expect(otherClient.stderr).toContain("all but --shard");
  });

  /** What a whole run says of a strict target beside a lax one that is in the other shard, and what the merge says. */
  async function wholeAndMerged(strictKeys: Buffer, laxKeys: Buffer) {
    const given = files();
    const [strict, lax] = [await server(true, strictKeys), await server(false, laxKeys)];
    const targets = [strict, lax].map((port) => `https://localhost:${port}/`);
    const run = async (...args: string[]) => runCli(args, { cwd: given.directory });
    const probe = async (...more: string[]) =>
      run("probe", ...targets, ...flagsFor(given), "--attack", "no-cert", "resume-cross-host", ...more);
    // what is known of the lax one is accepted; nothing of the strict one is
    const accept = ["no-cert", "resume-cross-host"].map(
      (attack) =>
        `  - { attack: ${attack}, target: "${targets[1]}", expires: ${inDays(9)}, reason: "public by design" }\n`,
    );
    given.put("public.yaml", `version: 1\naccept:\n${accept.join("")}`);
    const baseline = ["--baseline", "public.yaml", "--json"];
    const whole = await probe(...baseline);
    await probe("--shard", "1/2", "--report", "json=1.json");
    await probe("--shard", "2/2", "--report", "json=2.json");
    const merged = await run("report", "merge", "1.json", "2.json", ...baseline);
    return [whole, merged].map(({ code, stdout }) => {
      const { endpoints } = JSON.parse(stdout) as ProbeResult;
      return {
        code,
        endpoints: endpoints.map(({ target, verdict, attacks }) => ({
          target: targets.indexOf(target),
          verdict,
          attacks: attacks.map(({ id, tls, outcome }) => `${id} ${tls} ${outcome}`),
        })),
      };
    });
  }

  test("shards that share tickets are found to, as in a whole run", async () => {
    const keys = randomBytes(48);
    const [whole, merged] = await wholeAndMerged(keys, keys);
    expect(whole).toMatchObject({ code: 1, endpoints: [{ verdict: "bypassed" }, { verdict: "bypassed" }] });
    expect(whole?.endpoints[0]?.attacks).toContain("resume-cross-host 1.3 accepted");
    expect(merged).toEqual(whole);
    const [apart, mergedApart] = await wholeAndMerged(randomBytes(48), randomBytes(48));
    expect(apart).toMatchObject({ code: 0, endpoints: [{ verdict: "enforced" }, { verdict: "bypassed" }] });
    expect(apart?.endpoints[0]?.attacks).toContain("resume-cross-host 1.3 refused");
    expect(mergedApart).toEqual(apart);
  });

  test("a port that is a target of another shard is no sibling port", async () => {
    const given = files();
    const ports = [await server(true), await server(true)];
    const targets = ports.map((port) => `https://localhost:${port}/`);
    const flags = [
      ...flagsFor(given),
      "--attack",
      "no-cert",
      "--sibling-port",
      `localhost:${ports[0]}:${ports[1]}`,
    ];
    const run = async (...args: string[]) => runCli(args, { cwd: given.directory });
    for (const index of ["1", "2"]) {
      const { code } = await run(
        "probe",
        ...targets,
        ...flags,
        "--shard",
        `${index}/2`,
        "--report",
        `json=${index}.json`,
      );
      expect(code).toBe(0);
    }
    const merged = await run("report", "merge", "1.json", "2.json", "--json");
    expect(merged.code).toBe(0);
    expect((JSON.parse(merged.stdout) as ProbeResult).endpoints.map(({ target }) => target)).toEqual(targets);
  });

  test("--list names every attack", async () => {
    const text = await runCli(["probe", "--list"], { cwd: scratch() });
    expect(text.code).toBe(0);
    expect(text.stdout).toContain("twin-ca");
    const json = await runCli(["probe", "--list", "--json"], { cwd: scratch() });
    expect(JSON.parse(json.stdout)).toMatchObject({ schema: "fleetsec.probe-attacks/v1" });
  });
});

describe("bad input is refused before the first connection", () => {
  const TARGET = "https://127.0.0.1:1/";
  test.each<[string, string[], string, RegExp]>([
    ["no target", [], "usage", /nothing to probe/],
    ["port 0", ["https://localhost:0/"], "usage", /port 0/],
    ["an unknown attack", [TARGET, "--attack", "no-crt"], "usage", /no attack no-crt/],
    ["an unknown attack to skip", [TARGET, "--skip", "everything"], "usage", /no attack everything/],
    [
      "nothing left to run",
      [TARGET, "--attack", "no-cert", "--skip", "no-cert"],
      "usage",
      /no attack is left/,
    ],
    ["half of a pair", [TARGET, "--client-cert", "client.pem"], "usage", /needs --client-key/],
    ["the other half", [TARGET, "--client-ca-key", "ca.key"], "usage", /needs --client-ca/],
    ["a timeout of zero", [TARGET, "--timeout", "0"], "usage", /--timeout/],
    ["a timeout that is none", [TARGET, "--timeout", "soon"], "usage", /--timeout/],
    ["too much concurrency", [TARGET, "--concurrency", "65"], "usage", /--concurrency/],
    ["too much delay", [TARGET, "--delay", "61"], "usage", /--delay/],
    ["a delay that is none", [TARGET, "--delay", "-1"], "usage", /--delay/],
    ["an unknown attack to require", [TARGET, "--require", "week-key"], "usage", /no attack week-key/],
    ["an address that is none", [TARGET, "--resolve", "localhost:443:nowhere"], "usage", /--resolve/],
    ["an empty canary", [TARGET, "--canary", ""], "usage", /--canary/],
    ["an identity without a key", [TARGET, "--identity", "expired=client.pem"], "usage", /--identity/],
    [
      "an identity for an attack without one",
      [TARGET, "--identity", "no-cert=client.pem,client.key"],
      "usage",
      /presents no certificate/,
    ],
    [
      "a key of another certificate",
      [TARGET, "--client-cert", "client.pem", "--client-key", "ca.key"],
      "input",
      /is not the key/,
    ],
    [
      "a CA key of another CA",
      [TARGET, "--client-ca", "ca.pem", "--client-ca-key", "client.key"],
      "input",
      /is not the key/,
    ],
    ["a missing file", [TARGET, "--server-ca", "nowhere.pem"], "not-found", /nowhere/],
    ["a directory for a file", [TARGET, "--server-ca", "."], "input", /directory/],
    ["what is no PEM", [TARGET, "--server-ca", "garbage.pem"], "input", /garbage/],
  ])("%s", async (_name, args, code, message) => {
    const given = files();
    given.put("garbage.pem", "not a certificate");
    const result = await runCli(["probe", ...args, "--json"], { cwd: given.directory });
    expect(result.code).toBe(2);
    const error = JSON.parse(result.stdout) as { schema: string; code: string; message: string };
    expect(error).toMatchObject({ schema: "fleetsec.error/v1", code });
    expect(error.message).toMatch(message);
    expect(result.stdout).not.toContain("PRIVATE KEY");
  });

  test("a CA that did not issue the client", async () => {
    const given = files();
    const other = await testCa("Other");
    const ca = [
      "--client-ca",
      given.put("other.pem", other.pem),
      "--client-ca-key",
      given.put("other.key", other.keyPem),
    ];
    for (const named of [ca, ca.slice(0, 2)]) {
      const result = await runCli(["probe", TARGET, ...flagsFor(given), ...named, "--json"], {
        cwd: given.directory,
      });
      expect(result.code).toBe(2);
      expect(JSON.parse(result.stdout)).toMatchObject({ code: "input" });
    }
  });

  test("--identity supplies a forged one, beside the names of the others", async () => {
    const given = files();
    const thief = await testLeaf(await testCa("Thieves"), { commonName: "thief", purpose: "client" });
    const identity = `revoked=${given.put("t.pem", thief.pem)},${given.put("t.key", thief.keyPem)}`;
    const args = [
      "probe",
      `https://localhost:${await server(true)}/`,
      ...flagsFor(given),
      "--identity",
      identity,
    ];
    const { code, stdout } = await runCli([...args, "--attack", "no-cert,revoked", "--json"], {
      cwd: given.directory,
    });
    expect(code).toBe(0);
    const document = JSON.parse(stdout) as { endpoints: { attacks: { id: string; outcome: string }[] }[] };
    const outcomes = document.endpoints[0]?.attacks
      .filter(({ id }) => id === "revoked")
      .map(({ outcome }) => outcome);
    expect(outcomes).toEqual(["refused", "refused"]);
  });
});
