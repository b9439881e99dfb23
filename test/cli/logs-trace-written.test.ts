import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { runCli } from "../support/cli.ts";
import { askGateway, gatewayProject, startGateway } from "../support/gateway.ts";

interface Traced {
  readonly service?: string;
  readonly event_type?: string;
  readonly action?: string;
  readonly op?: string;
}

/** What the gateway, a rotation and the CA write about `tms` and `gateway`, signed in one log. */
async function project() {
  const cwd = await gatewayProject();
  const ok = async (argv: string) =>
    expect({ argv, ...(await runCli(argv.split(" "), { cwd })) }).toMatchObject({ code: 0 });
  const { port, stop } = await startGateway(cwd);
  expect(await askGateway(cwd, port)).toMatchObject({ status: 200 });
  expect((await stop()).code).toBe(143);
  const certificate = new X509Certificate(readFileSync(join(cwd, ".fleetsec/certs/tms/current/cert.pem")));
  await ok("cert rotate tms --force --audit rotate.jsonl");
  await ok("cert rotate gateway --force --audit rotate.jsonl");
  await ok("cert revoke tms");
  await ok("logs keygen --origin fleet.internal/audit");
  await ok(
    "logs sign --in events.jsonl rotate.jsonl .fleetsec/inventory.jsonl --store store --key audit.key --max-records 1",
  );
  const trace = async (identity: string) => {
    const flags = ["--store", "store", "--trust", "audit.pub", "--state", "state"];
    const argv = ["logs", "trace", ...flags, "--identity", identity, "--json"];
    const { stdout } = await runCli(argv, { cwd });
    const { events } = JSON.parse(stdout) as { events: { event: Traced }[] };
    return events.map(({ event }) => event.op ?? event.action ?? event.event_type ?? "").sort();
  };
  return { trace, certificate };
}

describe("logs trace --identity", () => {
  test("finds what the gateway, a rotation and the CA write about a client, in every form of its name", async () => {
    const { trace, certificate } = await project();
    const rdns = certificate.subject.split("\n");
    expect(rdns).toHaveLength(3);
    const seen = ["authentication", "authorization"];
    for (const subject of [rdns.join(", "), rdns.toReversed().join(","), `/${rdns.join("/")}`])
      expect({ subject, events: await trace(subject) }).toEqual({ subject, events: seen });
    // a rotation, and the CA's inventory, have the name alone
    expect(await trace("tms")).toEqual([...seen, "certificate-renewed", "issue", "issue"]);
    const { serialNumber } = certificate;
    const bySerial = [...seen, "certificate-renewed", "issue", "revoke"];
    expect(await trace(serialNumber)).toEqual(bySerial);
    expect(await trace(serialNumber.toLowerCase().replaceAll(/..(?!$)/g, "$&:"))).toEqual(bySerial);
    expect(await trace("gateway")).toEqual(["certificate-renewed", "issue", "issue"]);
    expect(await trace("nobody")).toEqual([]);
  });
});
