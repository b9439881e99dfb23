import type { IncomingMessage, RequestListener } from "node:http";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { newWorld, probed, selected, strictServer, withOutcome, type World } from "./support/probing.ts";
import { httpsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const ATTACKS = ["no-cert", "self-signed", "path-tricks"];

describe.concurrent("what grants valid clients nothing", () => {
  const probing = async (onRequest: RequestListener, attacks = ATTACKS) => {
    const options = strictServer(world, { rejectUnauthorized: false, maxVersion: "TLSv1.2" });
    const url = `https://localhost:${await httpsServer(options, onRequest)}/secret`;
    return probed(world, url, { attacks: selected(...attacks) });
  };
  const isKnown = ({ socket }: IncomingMessage) => (socket as TLSSocket).authorized;
  const bearsToken = ({ headers }: IncomingMessage) => headers.authorization !== undefined;

  test.each([401, 404])("and tells nobody apart by %i lets strangers in as far", async (status) => {
    const endpoint = await probing((_request, response) => void response.writeHead(status).end("none here"));
    expect(withOutcome(endpoint, "accepted")).toEqual(
      expect.arrayContaining(["no-cert@1.2", "self-signed@1.2"]),
    );
    const evidence = endpoint.attacks.find(({ id, tls }) => id === "no-cert" && tls === "1.2")?.evidence;
    expect(evidence).toBe(`HTTP ${status}, as the control, and told from it by no other request`);
  });

  test("and has forms that differ each time tells nobody apart by them", async () => {
    let count = 0;
    const endpoint = await probing((_request, response) => {
      response.writeHead(401).end(`none here for request ${(count += 1)}`);
    });
    expect(withOutcome(endpoint, "accepted")).toEqual(
      expect.arrayContaining(["no-cert@1.2", "self-signed@1.2"]),
    );
  });

  test("and demands some certificate is open to whoever has one", async () => {
    const endpoint = await probing((request, response) => {
      if (!("raw" in (request.socket as TLSSocket).getPeerCertificate()))
        return void request.socket.destroy();
      response.writeHead(401).end("no token");
    });
    expect(withOutcome(endpoint, "refused")).toContain("no-cert@1.2");
    expect(withOutcome(endpoint, "accepted")).toContain("self-signed@1.2");
  });

  test.each<[string, RequestListener, string]>([
    [
      "at other paths",
      (request, response) => {
        const isDenied = !isKnown(request) || request.url === "/secret";
        response.writeHead(isDenied ? 401 : 404).end(isDenied ? "unauthorized" : "no such tender");
      },
      "HTTP 401, as the control, but at / a valid client gets HTTP 404; ask for what valid clients are granted",
    ],
    [
      "with a token",
      (request, response) => {
        const isDenied = !isKnown(request) || !bearsToken(request);
        response.writeHead(401).end(isDenied ? "unauthorized" : "the token is none");
      },
      "HTTP 401, as the control, but with a made-up token a valid client is told something else; ask for what valid clients are granted",
    ],
    [
      "by hanging up elsewhere",
      (request, response) => {
        if (!isKnown(request) && request.url !== "/secret") return void request.socket.destroy();
        response.writeHead(404).end("no such tender");
      },
      "HTTP 404, as the control, but at / a valid client gets HTTP 404; ask for what valid clients are granted",
    ],
  ])("and tells strangers apart %s may be strict", async (_where, onRequest, reason) => {
    const endpoint = await probing(onRequest, ["no-cert", "self-signed"]);
    expect([endpoint.verdict, withOutcome(endpoint, "accepted")]).toEqual(["inconclusive", []]);
    expect(endpoint.reasons).toEqual([
      `no-cert on TLS 1.2: ${reason}`,
      `self-signed on TLS 1.2: ${reason} (p256)`,
    ]);
  });

  test("and tells them apart is no bypass by another way to ask either", async () => {
    const endpoint = await probing((request, response) => {
      const isDenied = !isKnown(request) || request.url?.startsWith("/s") === true;
      response.writeHead(isDenied ? 401 : 404).end(isDenied ? "unauthorized" : "no such tender");
    });
    expect([endpoint.verdict, withOutcome(endpoint, "accepted")]).toEqual(["inconclusive", []]);
  });

  test("by 403 shows no valid client that was served", async () => {
    const endpoint = await probing((_request, response) => void response.writeHead(403).end("no"));
    expect([endpoint.verdict, withOutcome(endpoint, "accepted")]).toEqual(["inconclusive", []]);
    expect(endpoint.reasons).toContain(
      "the valid client on TLS 1.2: the valid client was refused (HTTP 403); ask for what valid clients are granted",
    );
  });
});
