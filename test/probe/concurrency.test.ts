import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { TlsOptions } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { probe } from "../../src/probe/run.ts";
import { parseTarget } from "../../src/probe/target.ts";
import {
  FORGED,
  NAMES,
  newWorld,
  outside,
  requestFor,
  selected,
  strictServer,
  type World,
} from "./support/probing.ts";
import { httpsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = (changes: TlsOptions = {}) => strict({ rejectUnauthorized: false, ...changes });

describe.concurrent("connections at one time", () => {
  const mostAtOnce = async (concurrency: number | undefined) => {
    const slow = (_request: IncomingMessage, response: ServerResponse) =>
      void setTimeout(() => response.end("hello"), 200);
    const ports = [await httpsServer(lax(), slow), await httpsServer(lax(), slow)];
    const sockets: { readonly port: number; readonly socket: Socket }[] = [];
    const most = { toOne: 0, toAll: 0 };
    const network = {
      ...outside.network,
      connect: (address: string, port: number) => {
        const socket = outside.network.connect(address, port);
        sockets.push({ port, socket });
        const open = sockets.filter((one) => !one.socket.destroyed);
        most.toOne = Math.max(most.toOne, open.filter((one) => one.port === port).length);
        most.toAll = Math.max(most.toAll, open.length);
        return socket;
      },
    };
    const targets = ports.map((port) => parseTarget(`https://localhost:${port}/`));
    const addresses = new Map(
      ports.map((port) => [`localhost:${port}`, [{ address: "127.0.0.1", family: 4 as const }]]),
    );
    const request = requestFor(world, "https://localhost/", { targets, addresses, concurrency });
    await probe(
      { ...request, attacks: selected("no-cert", ...NAMES, ...FORGED) },
      { ...outside, network },
      () => {},
    );
    return most;
  };

  test("are 8 to one server, unless told otherwise, and those to another one come on top", async () => {
    const { toOne, toAll } = await mostAtOnce(undefined);
    expect(toOne).toBe(8);
    expect(toAll).toBeGreaterThan(8);
  });

  test("are as many in all as is told", async () => {
    expect(await mostAtOnce(3)).toEqual({ toOne: 3, toAll: 3 });
  });
});
