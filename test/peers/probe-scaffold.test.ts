import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, onTestFinished, test } from "vitest";
import { isScalar, isSeq, parseDocument, visit, type YAMLMap } from "yaml";
import type { ProbeResult } from "../../src/probe/result.ts";
import { FORGED } from "../probe/support/probing.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { gatewayProject, startGateway } from "./gateways.ts";

/** What `scaffold` wrote, run by the real engines with OPA behind them, and probed as a user would. */
describeWithEngines(["nginx", "envoy", "opa"], "probe of a scaffolded gateway", (engines) => {
  async function probed(kind: "nginx" | "envoy", edit?: (directory: string) => void) {
    const project = await gatewayProject(scratch());
    const gateway = await startGateway(kind, engines, project, edit);
    onTestFinished(() => gateway.stop());
    const name = `gateway.fleet.internal:${gateway.port}`;
    const args = ["probe", `https://${name}/healthz`, "--resolve", `${name}:127.0.0.1`, "--json"];
    const { code, stdout } = await runCli(args, { cwd: project.directory });
    const [endpoint] = (JSON.parse(stdout) as ProbeResult).endpoints;
    const accepted = endpoint?.attacks.filter((one) => one.outcome === "accepted" && !one.reportedOnly) ?? [];
    return {
      code,
      verdict: endpoint?.verdict,
      reasons: endpoint?.reasons,
      accepted: accepted.map(({ id, tls }) => `${id}@${tls}`),
    };
  }

  test.each(["nginx", "envoy"] as const)("%s is enforced", { timeout: 180_000 }, async (kind) => {
    expect(await probed(kind)).toEqual({ code: 0, verdict: "enforced", reasons: [], accepted: [] });
  });

  /**
   * Lets client certificates be missing, and keeps only some of the HTTP filters. To Envoy, names
   * that must match demand a certificate too.
   */
  function loosen(directory: string, keep: (filter: { readonly name: string }) => boolean): void {
    for (const path of [join(directory, "envoy.yaml"), join(directory, "clients.yaml")]) {
      const document = parseDocument(readFileSync(path, "utf8"));
      visit(document, {
        Pair(_key, { key, value }) {
          if (!isScalar(key)) return undefined;
          if (key.value === "match_typed_subject_alt_names") return visit.REMOVE;
          if (key.value === "require_client_certificate" && isScalar(value)) value.value = false;
          if (key.value === "http_filters" && isSeq(value)) {
            value.items = value.items.filter((item) => keep((item as YAMLMap).toJSON() as { name: string }));
          }
          return undefined;
        },
      });
      writeFileSync(path, document.toString());
    }
  }

  test("Envoy without require_client_certificate still has its policy", { timeout: 180_000 }, async () => {
    const found = await probed("envoy", (directory) => loosen(directory, () => true));
    expect(found).toMatchObject({ code: 0, verdict: "enforced" });
  });

  test("without the policy too, it is bypassed by who has no certificate", { timeout: 180_000 }, async () => {
    const found = await probed("envoy", (directory) =>
      loosen(directory, ({ name }) => !name.includes("ext_authz")),
    );
    expect(found).toMatchObject({
      code: 1,
      verdict: "bypassed",
      accepted: expect.arrayContaining(["no-cert@1.3", "no-cert@1.2"]),
    });
    // who shows a certificate shows a right one
    expect(found.accepted.filter((id) => FORGED.includes(id.replace(/@.*/, "")))).toEqual([]);
  });
});
