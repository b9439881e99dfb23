import type { FleetsecError } from "../../../errors.ts";
import type { HttpAnswer, HttpRequest } from "../../../platform/http.ts";
import type { Network } from "../../../platform/network.ts";
import { failing, jsonOf, MAX_ANSWER, member, refusedBy, said } from "../answer.ts";

/** A step-ca server as it is configured. */
export interface StepCaServer {
  readonly address: URL;
  /** PEM of what its own certificate must come from: its root. */
  readonly ca?: readonly string[] | undefined;
  /** Milliseconds for each request. */
  readonly timeout: number;
  readonly signal?: AbortSignal | undefined;
}

interface Asked {
  /** JSON that is posted. */
  readonly body?: Readonly<Record<string, unknown>> & { readonly ott?: string };
  readonly identity?: HttpRequest["identity"];
  readonly query?: Readonly<Record<string, string>>;
}

/** Any answer of step-ca but a failure of its own. */
export interface StepCaAnswer {
  readonly status: number;
  readonly json: unknown;
  readonly body: Buffer;
  /** What it says where it refuses. */
  readonly message: string;
}

/**
 * Asks step-ca. A refusal is an answer.
 * @throws FleetsecError `unreachable`, `issuer` where it fails
 */
export async function askStepCa(
  network: Pick<Network, "request">,
  server: StepCaServer,
  path: string,
  { body, identity, query = {} }: Asked = {},
): Promise<StepCaAnswer> {
  const url = endpoint(server, path);
  // a one-time token that was refused may still be good for its five minutes
  const secrets = body?.ott === undefined ? [] : [body.ott];
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const answer = await network.request({
    method: body === undefined ? "GET" : "POST",
    url,
    ...(body === undefined
      ? {}
      : { body: JSON.stringify(body), headers: { "content-type": "application/json" } }),
    ca: server.ca,
    identity,
    timeout: server.timeout,
    maxBody: MAX_ANSWER,
    signal: server.signal,
  });
  const json = jsonOf(answer, secrets);
  if (answer.status >= 500 || (answer.status >= 300 && answer.status < 400)) {
    throw faultOf(answer, json);
  }
  return { status: answer.status, json, body: answer.body, message: messageOf(json) };
}

/** Every provisioner, by name and key. @throws FleetsecError as `askStepCa`, `issuer` for another answer */
export async function provisionersOf(
  network: Pick<Network, "request">,
  server: StepCaServer,
): Promise<readonly { readonly name: unknown; readonly type: unknown; readonly keyId: unknown }[]> {
  const found: unknown[] = [];
  let cursor = "";
  for (let page = 0; page < MAX_PAGES; page += 1) {
    const { json } = await askStepCa(network, server, "provisioners", { query: { cursor, limit: "100" } });
    const list = member(json, "provisioners");
    if (!Array.isArray(list)) break;
    found.push(...(list as unknown[]));
    const next = member(json, "nextCursor");
    if (typeof next !== "string" || next === "") {
      return found.map((entry) => ({
        name: member(entry, "name"),
        type: member(entry, "type"),
        keyId: member(member(entry, "key"), "kid"),
      }));
    }
    cursor = next;
  }
  throw failing("step-ca", "refuses the token and does not list its provisioners", "see its log");
}

const MAX_PAGES = 50;

/** The URL of an endpoint, which is also what a token for it names as its audience. */
export function endpoint({ address }: StepCaServer, path: string): URL {
  const url = new URL(address);
  url.pathname = `${address.pathname.replace(/\/$/, "")}/1.0/${path}`;
  return url;
}

function messageOf(json: unknown): string {
  const message = member(json, "message");
  return typeof message === "string" ? message : "";
}

function faultOf(answer: HttpAnswer, json: unknown): FleetsecError {
  const words = said([messageOf(json)]);
  return failing(
    "step-ca",
    `answers with status ${answer.status}${words === "" ? "" : `: ${words}`}`,
    "see its log, and ask again later",
  );
}

/** A refusal as an error. */
export function refusal({ status, message }: StepCaAnswer): FleetsecError {
  return refusedBy(
    "step-ca",
    [message === "" ? `status ${status}` : message],
    "compare the provisioner with what fleetsec scaffold step-ca writes",
  );
}
