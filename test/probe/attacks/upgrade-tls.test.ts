import { beforeAll, describe, expect, test } from "vitest";
import {
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { always, answerOnce } from "../support/services.ts";
import { sniffingServer, upgradeToLaxTls } from "../support/sniffing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = () => strictServer(world);
const attacks = selected("no-cert", "upgrade-tls");

describe.concurrent("upgrade-tls", () => {
  test.each(["OPTIONS", "GET"])("finds TLS without certificates after %s", async (method) => {
    const port = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString().startsWith(method)) return void socket.end("HTTP/1.1 400 Bad Request\r\n\r\n");
      socket.write(
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: TLS/1.0, HTTP/1.1\r\nConnection: Upgrade\r\n\r\n",
      );
      upgradeToLaxTls(socket, strict(), answerOnce);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("upgrade-tls"));
  });
});
