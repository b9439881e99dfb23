import { execFileSync, spawnSync } from "node:child_process";
import { generateKeyPairSync } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parse } from "yaml";
import { withIssuer } from "../pki/issuers/contract.ts";
import { scratch } from "../support/scratch.ts";
import { testProject, type TestProject } from "../support/project.ts";
import { schemaErrors } from "../support/schema.ts";
import { describeWithEngines } from "./engines.ts";

const LINES = ["issuer: cert-manager", "cert_manager: {issuer: fleet-ca, namespace: fleet}"];
const ISSUE = ["cert", "issue", "truck-17", "--role", "fleet-edge"];

describeWithEngines(
  ["kubeconform", "cert-manager"],
  "cert-manager's own schemas",
  ({ kubeconform, "cert-manager": source }) => {
    /** What is wrong with manifests by cert-manager's CRDs, unknown fields too; empty where nothing is. */
    const faultsOf = (manifests: readonly string[]): string => {
      const schemas = schemasOf(join(source.path, "deploy/crds"));
      const { status, stdout, stderr } = spawnSync(
        kubeconform.path,
        ["-strict", "-schema-location", `${schemas}/{{.ResourceKind}}.json`, ...manifests],
        { encoding: "utf8" },
      );
      return status === 0 ? "" : `${stdout}${stderr}`;
    };

    test("accept what cert issue writes, for each role and key type", async () => {
      const project = testProject(() => withIssuer(LINES)());
      for (const type of ["p256", "p384", "ed25519", "rsa3072"]) {
        const { code, document } = await project.json([...ISSUE.with(2, type), "--key-type", type]);
        expect([code, document.message, schemaErrors(document)]).toEqual([0, undefined, []]);
        expect(faultsOf([document.file])).toBe("");
      }
      const sans = ["--san", "ip:127.0.0.1", "--san", "dns:localhost"];
      const { document } = await project.json(["cert", "issue", "edge", "--role", "gateway", ...sans]);
      expect(faultsOf([document.file])).toBe("");
      expect(document.manifest.spec).toMatchObject({
        dnsNames: ["edge.fleet.internal", "localhost"],
        ipAddresses: ["127.0.0.1"],
        usages: ["digital signature", "server auth"],
        issuerRef: { name: "fleet-ca", kind: "Issuer" },
      });
    });

    test("object to a field that is not theirs: the check can fail", async () => {
      const project = testProject(() => withIssuer(LINES)());
      const { document } = await project.json(ISSUE);
      const text = readFileSync(document.file, "utf8");
      expect(faultsOf([document.file])).toBe("");
      for (const [from, to] of [
        ["secretName:", "secret:"],
        ["client auth", "client authentication"],
        ["size: 256", "size: large"],
      ] as const) {
        expect(text).toContain(from);
        writeFileSync(document.file, text.replace(from, to));
        expect(faultsOf([document.file])).not.toBe("");
      }
    });

    test("accept the request for a key that is kept elsewhere, which is as the role has it", async () => {
      const project = testProject(() => withIssuer(LINES)());
      const csr = makeCsr(project, "/O=acme/OU=vehicle_agent/CN=truck-9");
      const out = join(project.directory, "request.yaml");
      const sign = ["cert", "sign", csr, "--role", "fleet-edge", "--out", out];
      const { code, document } = await project.json(sign);
      expect([code, document.message, schemaErrors(document)]).toEqual([0, undefined, []]);
      expect(faultsOf([out])).toBe("");
      expect(Buffer.from(document.manifest.spec.request, "base64").toString()).toBe(
        readFileSync(csr, "utf8"),
      );
    });

    test.each(["p256", "ed25519"])("accept what scaffold writes, with CA keys of type %s", async (type) => {
      const project = testProject(() => withIssuer([...LINES, `key_type: ${type}`])());
      expect((await project.run(["scaffold", "cert-manager"])).code).toBe(0);
      expect(faultsOf([join(project.directory, "deploy/cert-manager/issuer.yaml")])).toBe("");
    });
  },
);

test("cert-manager: a CSR with more than the role gives, or less, is refused", async () => {
  const project = testProject(() => withIssuer(LINES)());
  const subjects = ["/O=acme/OU=vehicle_agent/OU=carrier_dispatch/CN=truck-9", "/O=acme/CN=truck-9"];
  for (const subject of subjects) {
    const csr = makeCsr(project, subject);
    expect(await project.attempt(["cert", "sign", csr, "--role", "fleet-edge"])).toMatchObject({
      exit: 2,
      code: "refused",
      changed: false,
    });
  }
});

function makeCsr(project: TestProject, subject: string): string {
  const path = join(project.directory, "truck-9.csr");
  const key = join(project.directory, "key.pem");
  if (!existsSync(key)) {
    const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
    writeFileSync(key, privateKey.export({ type: "pkcs8", format: "pem" }));
  }
  const names = "DNS:truck-9.fleet.internal,URI:spiffe://fleet.internal/fleet-edge/truck-9";
  const args = ["req", "-new", "-key", key, "-subj", subject, "-out", path];
  execFileSync("openssl", [...args, "-addext", `subjectAltName=${names}`]);
  return path;
}

/** The CRDs' schemas as kubeconform reads them; fields that they do not know are errors. */
function schemasOf(crds: string): string {
  const directory = scratch();
  mkdirSync(directory, { recursive: true });
  for (const file of readdirSync(crds).filter((name) => name.endsWith(".yaml"))) {
    const { spec } = parse(readFileSync(join(crds, file), "utf8"));
    const { schema } = spec.versions.find(({ name }: { name: string }) => name === "v1");
    const closed = close(schema.openAPIV3Schema);
    writeFileSync(join(directory, `${spec.names.kind.toLowerCase()}.json`), JSON.stringify(closed));
  }
  return directory;
}

function close(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(close);
  if (typeof schema !== "object" || schema === null) return schema;
  const copy = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, close(value)]));
  const open = "additionalProperties" in copy || "x-kubernetes-preserve-unknown-fields" in copy;
  // metadata is described by Kubernetes, not by the CRD
  const described = "properties" in copy && Object.keys(copy["properties"] as object).length > 0;
  return described && !open ? { ...copy, additionalProperties: false } : copy;
}
