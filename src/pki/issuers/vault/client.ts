import type { FleetsecError } from "../../../errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../platform/http.ts";
import type { Network } from "../../../platform/network.ts";
import { failing, jsonOf, MAX_ANSWER, member, refusedBy, said, strings } from "../answer.ts";

/** A Vault or OpenBao server as it is configured. */
export interface VaultServer {
  readonly address: URL;
  readonly namespace?: string | undefined;
  /** PEM of what its own certificate must come from. */
  readonly ca?: readonly string[] | undefined;
  /** What we show in TLS, read when it is first needed. */
  readonly identity?: (() => NonNullable<HttpRequest["identity"]>) | undefined;
  /** Milliseconds for each request. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
  readonly auth: VaultAuth;
}

/** Secrets are read when they are first needed, and never kept longer than the process. */
export type VaultAuth =
  | { readonly method: "token"; readonly token: () => string }
  | {
      readonly method: "approle";
      readonly mount: string;
      readonly roleId: string;
      readonly secretId: () => string;
    }
  | { readonly method: "cert"; readonly mount: string; readonly role?: string | undefined };

export interface VaultClient {
  /** Asks with a token. @throws FleetsecError `refused`, `unreachable`, `issuer` */
  ask(path: string, body: object): Promise<unknown>;
  /** Reads what anybody may read, as it is. @throws FleetsecError as `ask` */
  fetch(path: string): Promise<Buffer>;
}

interface VaultAnswer extends HttpAnswer {
  /** Without our secrets; undefined where the body is none. */
  readonly json: unknown;
}

export function vaultClient(network: Pick<Network, "request">, server: VaultServer): VaultClient {
  let token: string | undefined;
  /** What was shown to be let in, which its answers may repeat. */
  const secrets = new Set<string>();

  const send = async (
    method: "GET" | "POST",
    path: string,
    body?: object,
    secret?: string,
  ): Promise<VaultAnswer> => {
    if (secret !== undefined) secrets.add(secret);
    const answer = await network.request({
      method,
      url: urlOf(server.address, path),
      headers: {
        "x-vault-request": "true",
        ...(server.namespace === undefined ? {} : { "x-vault-namespace": server.namespace }),
        ...(secret === undefined ? {} : { "x-vault-token": secret }),
      },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      ca: server.ca,
      identity: server.identity?.(),
      timeout: server.timeout,
      maxBody: MAX_ANSWER,
      signal: server.signal,
    });
    return { ...answer, json: jsonOf(answer, secrets) };
  };

  async function login(): Promise<string> {
    const { auth } = server;
    if (auth.method === "token") return auth.token();
    const answer = await send("POST", `auth/${auth.mount}/login`, credentials(auth));
    const given = member(member(answer.json, "auth"), "client_token");
    if (answer.status === 200 && typeof given === "string") return given;
    if (answer.status < 500) throw loginRefused(auth.method, answer);
    throw faultOf(answer);
  }

  function credentials(auth: Exclude<VaultAuth, { method: "token" }>): object {
    // undefined leaves it out
    if (auth.method === "cert") return { name: auth.role };
    const secret = auth.secretId();
    secrets.add(secret);
    return { role_id: auth.roleId, secret_id: secret };
  }

  /** A 403 is said of a token that has ended and of one that may not do this: it is asked which. */
  async function denial(answer: VaultAnswer, secret: string): Promise<FleetsecError> {
    const self = await send("GET", "auth/token/lookup-self", undefined, secret);
    if (self.status === 403) {
      return failing("vault", "does not accept the token: it has ended, was revoked, or is another's", TOKEN);
    }
    if (self.status >= 500) return faultOf(self);
    return refusedBy(
      "vault",
      errorsOf(answer),
      "give the token a policy as fleetsec scaffold vault writes it",
    );
  }

  return {
    async ask(path, body) {
      const held = token;
      token ??= await login();
      let answer = await send("POST", path, body, token);
      if (answer.status === 403 && held !== undefined && server.auth.method !== "token") {
        // one that was good may have ended since: a long-running process logs in again, once
        token = await login();
        answer = await send("POST", path, body, token);
      }
      if (answer.status === 403) throw await denial(answer, token);
      if (answer.status === 204) return {};
      if (answer.status !== 200) throw faultOf(answer);
      if (answer.json !== undefined) return answer.json;
      throw failing("vault", "answers with what is no JSON", "check that the address is that of the service");
    },
    async fetch(path) {
      const answer = await send("GET", path);
      if (answer.status === 200 || answer.status === 204) return answer.body;
      throw faultOf(answer);
    },
  };
}

const TOKEN = "get a new token, and put it where the configuration or VAULT_TOKEN says";

/** Below the address, which may have a path of its own. */
function urlOf(address: URL, path: string): URL {
  const url = new URL(address);
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  url.pathname = `${address.pathname.replace(/\/$/, "")}/v1/${encoded}`;
  return url;
}

function errorsOf({ json }: VaultAnswer): readonly string[] {
  return strings(member(json, "errors"));
}

function loginRefused(method: string, answer: VaultAnswer): FleetsecError {
  const words = said(errorsOf(answer));
  return failing(
    "vault",
    `does not let us log in by ${method}${words === "" ? "" : `: ${words}`}`,
    "check the credentials and the mount of the auth method in pki.vault.auth",
  );
}

/** What an answer that is no success means. */
function faultOf(answer: VaultAnswer): FleetsecError {
  const { status } = answer;
  const errors = errorsOf(answer);
  const words = said(errors);
  if (status === 404 || errors.some((error) => error.startsWith("no handler for route"))) {
    return refusedBy("vault", errors, "check pki.vault.mount and pki.vault.namespace");
  }
  if (status === 400) {
    return refusedBy("vault", errors, "compare its role with what fleetsec scaffold vault writes");
  }
  if (status === 503 && words.includes("sealed")) {
    return failing("vault", "is sealed", "have it unsealed by those who hold its keys");
  }
  if (status >= 300 && status < 400) {
    return failing(
      "vault",
      `redirects (${status})`,
      "name the address of its active node in pki.vault.address",
    );
  }
  return failing(
    "vault",
    `answers with status ${status}${words === "" ? "" : `: ${words}`}`,
    "see its log, and ask again later",
  );
}
