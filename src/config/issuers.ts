import { z } from "zod";
import { duration, name } from "./scalars.ts";

/** Who issues certificates: the project's own CA, or a service. */
export const issuerKinds = ["local", "vault", "step-ca", "cert-manager"] as const;

const path = z.string().min(1).max(4096);

const address = (protocols: RegExp) =>
  z
    .url({
      protocol: protocols,
      error: `not a URL that begins with ${String(protocols).includes("?") ? "https:// or http://" : "https://"}`,
    })
    .refine((text) => {
      const { username, password, search, hash } = new URL(text);
      return username === "" && password === "" && search === "" && hash === "";
    }, "must hold no credentials, query or fragment");

/** Segments that are joined to a URL. */
const mount = z
  .string()
  .max(128)
  .regex(/^(?!\.)[A-Za-z0-9._-]+(\/(?!\.)[A-Za-z0-9._-]+)*$/, "not a mount path, such as pki or fleet/pki");

const theirName = z
  .string()
  .max(128)
  .regex(/^(?!\.)[A-Za-z0-9._@-]+$/, "use letters, digits, . _ @ -");

const vaultAuth = z.discriminatedUnion("method", [
  z.strictObject({
    method: z.literal("token"),
    token_file: path.optional().describe("file of mode 0600 (default: VAULT_TOKEN or BAO_TOKEN)"),
  }),
  z.strictObject({
    method: z.literal("approle"),
    mount: mount.default("approle"),
    role_id: z.string().min(1).max(256),
    secret_id_file: path.optional().describe("file of mode 0600 (default: FLEETSEC_VAULT_SECRET_ID)"),
  }),
  z.strictObject({
    method: z.literal("cert"),
    mount: mount.default("cert"),
    role: theirName.optional().describe("its certificate role (default: any that fits)"),
  }),
]);

export const vault = z.strictObject({
  address: address(/^https?$/),
  ca: path.optional().describe("what its own certificate comes from (default: Node's roots)"),
  client_cert: path.optional().describe("what we show in TLS"),
  client_key: path.optional(),
  namespace: z
    .string()
    .min(1)
    .max(256)
    .regex(/^[!-~]+$/, "printable ASCII without spaces")
    .optional(),
  mount: mount.default("pki").describe("the PKI engine that issues"),
  root_mount: mount.optional().describe("the PKI engine with the root, for its CRL"),
  roles: z.record(name, theirName).default({}).describe("its names of our roles, where they differ"),
  auth: vaultAuth.prefault({ method: "token" }),
  timeout: duration.prefault("10s").describe("of each request"),
});

export const certManager = z.strictObject({
  issuer: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([a-z0-9.-]*[a-z0-9])?$/, "not the name of a Kubernetes object")
    .default("fleetsec")
    .describe("name of the Issuer or ClusterIssuer"),
  kind: z.enum(["Issuer", "ClusterIssuer"]).default("Issuer"),
  namespace: z
    .string()
    .max(63)
    .regex(/^[a-z0-9]([a-z0-9-]*[a-z0-9])?$/, "not the name of a Kubernetes namespace")
    .default("default"),
});

export const stepCa = z.strictObject({
  address: address(/^https$/),
  ca: path.optional().describe("what its own certificate comes from (default: pki.trust_anchor)"),
  provisioners: z
    .record(name, theirName)
    .default({})
    .describe("its JWK provisioners for our roles, where their names differ"),
  provisioner_key: path
    .optional()
    .describe("their private key, PEM or JWK, mode 0600; not needed to renew a client's certificate"),
  timeout: duration.prefault("10s").describe("of each request"),
});
