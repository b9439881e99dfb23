import type { IncomingMessage, ServerResponse } from "node:http";
import { gzipSync } from "node:zlib";
import { beforeAll, describe, expect, test } from "vitest";
import {
  ESSENTIAL,
  newWorld,
  onBoth,
  probed,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { http2Server, httpsServer } from "./support/servers.ts";
import { isAuthorized } from "./support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** @param denied with which it answers 403 */
const probing = async (granted: string, denied: (response: ServerResponse, path: string) => void) => {
  const options = strictServer(world, { rejectUnauthorized: false });
  const port = await httpsServer(options, (request: IncomingMessage, response) => {
    if (isAuthorized(request)) return void response.end(granted);
    response.statusCode = 403;
    denied(response, request.url ?? "");
  });
  return probed(world, `https://localhost:${port}/api/tenders`, { attacks: ESSENTIAL });
};
const PAGE = JSON.stringify([
  { id: 1, cargo: 'steel "coils"' },
  { id: 2, cargo: "grain" },
]);
const OTHER = JSON.stringify([
  { id: 1, cargo: "steel" },
  { id: 3, cargo: "grain" },
]);
const escaped = (text: string) => JSON.stringify({ error: "denied", debug: { body: text } });
const turned = (text: string) => JSON.stringify((JSON.parse(text) as unknown[]).toReversed());

describe.concurrent("a denial with what valid clients are granted", () => {
  test.each<[string, (response: ServerResponse, page: string) => void]>([
    ["as a text within JSON", (response, page) => void response.end(escaped(page))],
    ["as a text within a text within JSON", (response, page) => void response.end(escaped(escaped(page)))],
    ["in another order", (response, page) => void response.end(turned(page))],
    ["in a script", (response, page) => void response.end(`<script>x = ${JSON.stringify(page)}</script>`)],
    ["in a page", (response, page) => void response.end(`<pre>${page.replaceAll('"', "&quot;")}</pre>`)],
    [
      "compressed",
      (response, page) => {
        response.setHeader("content-encoding", "gzip");
        response.end(gzipSync(`denied: ${page}`));
      },
    ],
    ["in a header field", (response, page) => void response.setHeader("x-data", page).end("denied")],
    [
      "in a repeated field",
      (response, page) => void response.setHeader("x-data", [page, "no"]).end("denied"),
    ],
    [
      "in a trailer",
      (response, page) => {
        response.setHeader("trailer", "x-data");
        response.write("denied");
        response.addTrailers({ "x-data": page });
        response.end();
      },
    ],
  ])("%s is none, and with something else it is one", async (_how, denied) => {
    const lax = await probing(PAGE, (response) => denied(response, PAGE));
    expect(withOutcome(lax, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
    const strict = await probing(PAGE, (response) => denied(response, OTHER));
    expect([strict.verdict, strict.reasons]).toEqual(["enforced", []]);
  });

  test("in a trailer of HTTP/2 is none", async () => {
    const options = strictServer(world, { rejectUnauthorized: false });
    const port = await http2Server(options, (request, response) => {
      const { authorized } = request.socket as unknown as { readonly authorized: boolean };
      if (authorized) return void response.end(PAGE);
      response.statusCode = 403;
      response.addTrailers({ "x-data": PAGE });
      response.end("denied");
    });
    const endpoint = await probed(world, `h2://localhost:${port}/`, { attacks: ESSENTIAL });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
  });
});

test("a denial that repeats the request as the target does is one", async () => {
  const { verdict, reasons } = await probing(
    "You asked GET /api/tenders",
    (response, path) => void response.end(`Denied. You asked GET ${path}, without a certificate`),
  );
  expect([verdict, reasons]).toEqual(["enforced", []]);
  const more = "You asked GET /api/tenders, and there are 17 of them";
  const lax = await probing(more, (response) => void response.end(`Denied. ${more}`));
  expect(lax.verdict).toBe("bypassed");
});
