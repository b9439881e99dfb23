import { constants, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { IncomingMessage, ServerResponse } from "node:http";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { newWorld, probed, selected, strictServer, type World } from "./support/probing.ts";
import { http2Server, httpsServer, tlsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const open = () => strictServer(world, { rejectUnauthorized: false, minVersion: "TLSv1.3" });
const isAuthorized = (request: IncomingMessage | Http2ServerRequest) =>
  (request.socket as TLSSocket).authorized;

/** What the report says of a service as a whole: a doubt that is of no single attack. */
async function told(url: string) {
  const { verdict, doubts } = await probed(world, url, { timeout: 500, attacks: selected("no-cert") });
  return { verdict, told: doubts.filter((doubt) => doubt.startsWith("clients without")) };
}

const WHO = "clients without a valid certificate on TLS 1.3";

describe.concurrent("a service that answers others in words that are no refusal", () => {
  const answering = async (toOthers: (response: ServerResponse) => unknown, toValid = toOthers) => {
    const port = await httpsServer(open(), (request, response) => {
      (isAuthorized(request) ? toValid : toOthers)(response);
    });
    return told(`https://localhost:${port}/`);
  };
  const grant = (response: ServerResponse) => response.end("hi");
  const status = (code: number) => (response: ServerResponse) => response.writeHead(code).end();

  test.each<[string, (response: ServerResponse) => unknown, string]>([
    ["429", status(429), `${WHO}: HTTP 429, while valid ones are served`],
    ["503", status(503), `${WHO}: HTTP 503, while valid ones are served`],
    ["nothing", () => {}, `${WHO}: nothing in time, while valid ones are answered`],
  ])("%s: cannot be judged by any run, which is said", async (_what, toOthers, sentence) => {
    expect(await answering(toOthers, grant)).toEqual({
      verdict: "inconclusive",
      told: [expect.stringContaining(sentence)],
    });
  });

  test("over HTTP/2, RST_STREAM with an overload as its reason", async () => {
    const port = await http2Server(open(), (request: Http2ServerRequest, response: Http2ServerResponse) => {
      if (isAuthorized(request)) response.end("hi");
      else response.stream.close(constants.NGHTTP2_ENHANCE_YOUR_CALM);
    });
    expect(await told(`h2://localhost:${port}/`)).toEqual({
      verdict: "inconclusive",
      told: [expect.stringContaining(`${WHO}: RST_STREAM ENHANCE_YOUR_CALM`)],
    });
  });

  test("nothing of the kind is said where they are denied, or valid clients are told the same", async () => {
    expect(await answering(status(403), grant)).toEqual({ verdict: "enforced", told: [] });
    expect(await answering(status(429))).toEqual({ verdict: "inconclusive", told: [] });
  });

  test("nor where a service is silent to everybody", async () => {
    const port = await tlsServer(open(), (socket) => socket.resume());
    expect((await told(`tls://localhost:${port}`)).told).toEqual([]);
  });
});
