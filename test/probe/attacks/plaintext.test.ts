import { beforeAll, describe, expect, test } from "vitest";
import {
  evidenceOf,
  newWorld,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { always, SECRET } from "../support/services.ts";
import { sniffingServer } from "../support/sniffing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = () => strictServer(world);
const attacks = selected("no-cert", "h2c-upgrade", "plaintext");

describe.concurrent("without TLS", () => {
  test("a server that waits for the rest of a TLS record is silent until the end, and has refused", async () => {
    const heard: string[] = [];
    const port = await sniffingServer(
      strict(),
      always,
      (_socket, first) => void heard.push(first.toString()),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
    expect(evidenceOf(endpoint, "plaintext")).toBe("closed without an answer");
    expect(heard.join()).toContain("GET / HTTP/1.1");
  });

  test("one that answers at the end of what is said serves all the same", async () => {
    const port = await sniffingServer(strict(), always, (socket) =>
      socket.on("end", () =>
        socket.end(`HTTP/1.1 200 OK\r\nContent-Length: ${SECRET.length}\r\n\r\n${SECRET}`),
      ),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toContain("plaintext");
  });
});
