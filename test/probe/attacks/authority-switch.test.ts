import type { RequestListener, ServerResponse } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import { newWorld, on13, probed, selected, openServer, withOutcome, type World } from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";
import { authorized, serve } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const attacks = selected("no-cert", "authority-switch");

describe.concurrent("authority-switch", () => {
  const byHost =
    (other: (response: ServerResponse) => void): RequestListener =>
    (request, response) =>
      String(request.headers.host).startsWith("localhost:") ? authorized(request, response) : other(response);

  test("finds a default virtual host that leads to the same service", async () => {
    const port = await httpsServer(openServer(world), byHost(serve));
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("authority-switch"));
  });

  test("a public page of another virtual host is no bypass", async () => {
    const port = await httpsServer(
      openServer(world),
      byHost((response) => void response.end("welcome to nowhere")),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });
});
