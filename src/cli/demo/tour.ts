import { cpSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { laxGateway } from "./lax-gateway.ts";
import type { Running, Stage } from "./stage.ts";

/**
 * The whole job on a stage. Each chapter gives what it has proved; a command that ends otherwise
 * than it must ends the tour.
 */
export async function tour(stage: Stage): Promise<readonly string[]> {
  const proved = [...(await project(stage)), ...(await certificates(stage))];
  const gateway = await startGateway(stage);
  try {
    proved.push(...(await enforcement(stage, gateway)), ...(await signedLog(stage)));
    proved.push(...(await revocation(stage, gateway)));
  } finally {
    await gateway.running.stop();
  }
  return [...proved, ...(await laxEnforcement(stage)), ...(await tampering(stage))];
}

const TRUCK = ".fleetsec/certs/truck-17/current";

async function project(stage: Stage): Promise<readonly string[]> {
  stage.title("A project: configuration, CA, first certificates, gateway templates");
  const who = ["--name", "acme", "--domain", "fleet.internal"];
  await stage.perform(["init", "--yes", ...who, "--gateway", "nginx", "envoy"]);
  return [];
}

async function certificates(stage: Stage): Promise<readonly string[]> {
  stage.title("Short-lived certificates, by role");
  await stage.perform(["cert", "issue", "truck-17", "--role", "fleet-edge", "--ttl", "8h"]);
  await stage.perform(["cert", "verify", `${TRUCK}/cert.pem`, "--purpose", "client"]);
  stage.say("A lifetime over the role's maximum is refused, not shortened:");
  await stage.perform(["cert", "issue", "truck-18", "--role", "fleet-edge", "--ttl", "90d"], 2);
  return ["certificates are issued by role, and what a role does not allow is refused"];
}

interface Gateway {
  readonly running: Running;
  readonly url: string;
}

async function startGateway(stage: Stage): Promise<Gateway> {
  stage.title("A gateway that demands certificates, and the proof that it does");
  const flags = ["--listen", "127.0.0.1:0", "--echo", "--audit-log", "events.jsonl"];
  const running = await stage.start(["gateway", ...flags], (output) => output.includes("listening on"));
  const port = /https:\/\/\S+:(\d+)\//.exec(running.output())?.[1];
  if (port === undefined) throw new FleetsecError("state", "the gateway did not say where it listens");
  return { running, url: `https://localhost:${port}/` };
}

async function enforcement(stage: Stage, { url }: Gateway): Promise<readonly string[]> {
  await stage.perform(["probe", url]);
  return ["the gateway refuses every client without a valid certificate, on TLS 1.2 and 1.3"];
}

const SIGN = ["logs", "sign", "--in", "events.jsonl", "--store", "audit-log", "--key", "keys/audit.key"];
const VERIFY = ["verify-logs", "audit-log", "--trust", "keys/audit.pub", "--state", "auditor"];

async function signedLog(stage: Stage): Promise<readonly string[]> {
  stage.title("Its audit events, signed and verified offline");
  await stage.perform(["logs", "lint", "--in", "events.jsonl"]);
  await stage.perform(["logs", "keygen", "--origin", "fleet.internal/audit", "--out", "keys"]);
  await stage.perform(SIGN);
  stage.say("The first time there is nothing to compare with, so nothing is passed off as proved:");
  await stage.perform(VERIFY, 3);
  return [];
}

async function revocation(stage: Stage, { url, running }: Gateway): Promise<readonly string[]> {
  stage.title("Renewal and revocation, while the gateway runs");
  const reloads = () => running.output().split("certificates reloaded").length - 1;
  const before = reloads();
  await stage.perform(["cert", "renew", "gateway", "--force"]);
  await running.until(() => reloads() > before);
  await stage.perform(["cert", "inspect", new URL(url).host]);
  const [truck, key] = [`${TRUCK}/bundle.pem`, `${TRUCK}/key.pem`];
  stage.say("The truck gets in: as the valid client, it is served before and after the attack.");
  await stage.perform(["probe", url, "--attack", "no-cert", "--client-cert", truck, "--client-key", key]);
  stage.say("Its key is stolen. Once its certificate is revoked, it opens nothing:");
  await stage.perform(["cert", "revoke", "truck-17", "--reason", "keyCompromise"]);
  await running.until(() => reloads() > before + 1);
  await stage.perform(["probe", url, "--attack", "revoked", "--identity", `revoked=${truck},${key}`]);
  return ["a renewed certificate is served, and a revoked one refused, without a restart"];
}

async function laxEnforcement(stage: Stage): Promise<readonly string[]> {
  stage.title("The same proof on a gateway as tutorials have it");
  const lax = await laxGateway(stage);
  try {
    await stage.perform(["probe", lax.url, "--attack", "no-cert", "wrong-ca"], 1);
  } finally {
    await lax.stop();
  }
  return ["a gateway that asks for a certificate and takes any is told from one that demands it"];
}

const STORE = "audit-log";
/** The first batch of the store. */
const BATCH = `${STORE}/fleetsec/batch/000.jsonl`;

async function tampering(stage: Stage): Promise<readonly string[]> {
  stage.title("The log grows, and is then edited");
  const at = (path: string) => join(stage.directory, path);
  stage.shell(`cp -r ${STORE} yesterday`, () => cpSync(at(STORE), at("yesterday"), { recursive: true }));
  await stage.perform(SIGN);
  await stage.perform(VERIFY);

  const honest = readFileSync(at(BATCH), "utf8");
  const lines = honest.split("\n");
  const line = lines.findIndex((text) => text.includes('"result":"failure"')) + 1;
  stage.say("A refused client is made to look like one that was let in:");
  stage.shell(`sed -i '${line}s/failure/success/' ${BATCH}`, () => {
    const altered = lines.map((text, i) => (i === line - 1 ? text.replace("failure", "success") : text));
    writeFileSync(at(BATCH), altered.join("\n"));
  });
  mustSay(await stage.perform(VERIFY, 1), "RECORD_ALTERED", `line ${line}`);

  stage.say("Or its record is taken out:");
  stage.shell(`sed -i '${line}s/success/failure/;${line}d' ${BATCH}`, () =>
    writeFileSync(at(BATCH), lines.filter((_, i) => i !== line - 1).join("\n")),
  );
  mustSay(await stage.perform(VERIFY, 1), "RECORD_DELETED", `line ${line}`);

  stage.say("Or the whole store is put back to yesterday's, with every signature right:");
  stage.shell(`rm -r ${STORE} && mv yesterday ${STORE}`, () => {
    rmSync(at(STORE), { recursive: true });
    renameSync(at("yesterday"), at(STORE));
  });
  mustSay(await stage.perform(VERIFY, 1), "TAIL_TRUNCATED");
  return [
    "the gateway's audit events are signed, and verify offline against the auditor's last checkpoint",
    "an edited and a removed record are found, with batch and line; so is a log put back to an older state",
  ];
}

/** A finding that is not the right one is none. */
function mustSay(output: string, ...words: readonly string[]): void {
  const missing = words.filter((word) => !output.includes(word));
  if (missing.length > 0) throw new FleetsecError("state", `verify-logs did not say ${missing.join(", ")}`);
}
