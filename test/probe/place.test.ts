import { expect, test } from "vitest";
import type { Client } from "../../src/probe/endpoint.ts";
import type { Resumable } from "../../src/probe/exchange.ts";
import { sessionsFrom } from "../../src/probe/place.ts";
import { trace } from "./support/traces.ts";

/** A listener that gives so many sessions to each client, numbered. */
function giving(many: number) {
  const clients: Client[] = [];
  let last = 0;
  const session = sessionsFrom(async (client) => {
    clients.push(client);
    const sessions: Resumable[] = Array.from({ length: many }, () => Uint8Array.of((last += 1)));
    return { trace: trace({ sessions }), answer: undefined };
  });
  return { clients, session: async () => session("1.2", undefined) };
}

test("a session is lent to one at a time, and to the next where it comes back", async () => {
  const { clients, session } = giving(1);
  const first = await session();
  const second = await session();
  expect([first?.session, second?.session]).toEqual([Uint8Array.of(1), Uint8Array.of(2)]);
  first?.giveBack();
  expect((await session())?.session).toEqual(Uint8Array.of(1));
  expect((await session())?.session).toEqual(Uint8Array.of(3));
  expect(clients).toHaveLength(3);
});

test("all that one client was given are lent before another one asks", async () => {
  const { clients, session } = giving(2);
  const lent = [await session(), await session(), await session()];
  expect(lent.map((one) => one?.session)).toEqual([1, 2, 3].map((number) => Uint8Array.of(number)));
  expect(clients).toHaveLength(2);
});

test("who gives none is not asked again", async () => {
  const { clients, session } = giving(0);
  expect([await session(), await session()]).toEqual([undefined, undefined]);
  expect(clients).toHaveLength(1);
});
