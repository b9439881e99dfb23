import type { TlsOptions } from "node:tls";
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
import { httpsServer } from "./support/servers.ts";
import { isAuthorized } from "./support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

describe.concurrent("a server that is too busy to answer", () => {
  /** Leaves the first requests of clients without a valid certificate unanswered. */
  const busy = async (options: TlsOptions, count: number) => {
    const left = { unanswered: 0 };
    const port = await httpsServer(options, (request, response) => {
      if (!isAuthorized(request) && left.unanswered < count) left.unanswered += 1;
      else response.end("hello");
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      attacks: ESSENTIAL,
      timeout: 2000,
    });
    return { endpoint, unanswered: left.unanswered };
  };

  test("is asked again, by each client alone: an open one is found", async () => {
    const { endpoint, unanswered } = await busy(lax({ minVersion: "TLSv1.3" }), 3);
    expect(unanswered).toBe(3);
    expect(withOutcome(endpoint, "accepted")).toEqual(["no-cert@1.3", "self-signed@1.3", "wrong-ca@1.3"]);
  });

  test("is asked by nobody else meanwhile, on another TLS version or for another path", async () => {
    let open = 0;
    const beside: number[] = [];
    const port = await httpsServer(
      lax({}),
      (request, response) => {
        // whoever is not alone waits for ever
        if (isAuthorized(request) || open === 1) response.end("hello");
        else beside.push(open);
      },
      (socket) => {
        open += 1;
        socket.on("close", () => (open -= 1));
      },
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      attacks: ESSENTIAL,
      timeout: 2000,
    });
    expect(beside.length).toBeGreaterThan(0);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
  });

  test("is asked once more and no oftener, and silence proves nothing", async () => {
    const { endpoint, unanswered } = await busy(lax({ minVersion: "TLSv1.3" }), 1000);
    expect(endpoint.verdict).toBe("inconclusive");
    // self-signed comes in four forms, wrong-ca in seven; the first of all waits longer, and six ask again
    expect(unanswered).toBe(19);
  });

  test("and one that demands certificates is enforced", async () => {
    const { endpoint, unanswered } = await busy(strict({ minVersion: "TLSv1.3" }), 1000);
    expect([endpoint.verdict, unanswered]).toEqual(["enforced", 0]);
  });
});
