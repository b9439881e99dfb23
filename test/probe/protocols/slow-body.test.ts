import { setInterval, setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { probe } from "../../../src/probe/run.ts";
import {
  newWorld,
  outside,
  probed,
  requestFor,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { http2Server, httpsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const SECRET = "the tenders of the fleet, all of them";
const attacks = selected("no-cert", "self-signed");
const options = () => strictServer(world, { rejectUnauthorized: false, minVersion: "TLSv1.3" });

describe.concurrent.each(["https", "h2"] as const)("a denial over %s whose body comes late", (scheme) => {
  const denyingWith = async (late: string) => {
    const answer = async (
      authorized: boolean,
      response: {
        writeHead(status: number, fields?: Record<string, string>): unknown;
        write(text: string): unknown;
        end(text: string): unknown;
      },
    ) => {
      response.writeHead(authorized ? 200 : 403);
      if (!authorized) {
        response.write("no: ");
        await sleep(2500);
      }
      response.end(authorized ? SECRET : late);
    };
    const port =
      scheme === "https"
        ? await httpsServer(options(), (request, response) => {
            void answer((request.socket as TLSSocket).authorized, response);
          })
        : await http2Server(options(), (request, response) => {
            void answer((request.socket as TLSSocket).authorized, response);
          });
    return probed(world, `${scheme}://localhost:${port}/`, { attacks });
  };

  test("is none, where it hands out what it denies", async () => {
    const endpoint = await denyingWith(SECRET);
    expect(withOutcome(endpoint, "accepted")).toEqual(["no-cert@1.3", "self-signed@1.3"]);
  });

  test("is one, where it does not", async () => {
    const { verdict, reasons } = await denyingWith("go away, whoever you are");
    expect({ verdict, reasons }).toEqual({ verdict: "enforced", reasons: [] });
  });
});

describe.concurrent.each(["https", "h2"] as const)("a denial over %s that never ends", (scheme) => {
  /** As ten seconds are long, each such wait is a short one, and counted. */
  const hurrying = () => {
    let waits = 0;
    const sleeping: typeof outside.clock.sleep = async (ms, signal) => {
      if (ms >= 10_000) waits += 1;
      return outside.clock.sleep(ms >= 10_000 ? 1500 : ms, signal);
    };
    return { outside: { ...outside, clock: { ...outside.clock, sleep: sleeping } }, waits: () => waits };
  };
  const probing = async (attack: string) => {
    const answer = async (
      request: { readonly socket: object },
      response: {
        writeHead(status: number): unknown;
        flushHeaders?(): void;
        write(text: string): unknown;
        end(text: string): unknown;
        readonly destroyed: boolean;
      },
    ) => {
      if ((request.socket as TLSSocket).authorized) return void response.end(SECRET);
      response.writeHead(403);
      response.flushHeaders?.();
      for await (const _ of setInterval(100)) {
        if (response.destroyed) return;
        response.write(".");
      }
    };
    const port =
      scheme === "https"
        ? await httpsServer(options(), (request, response) => void answer(request, response))
        : await http2Server(options(), (request, response) => void answer(request, response));
    const clock = hurrying();
    const request = requestFor(world, `${scheme}://localhost:${port}/secret`, {
      attacks: selected("no-cert", "self-signed", "wrong-ca", attack),
      // no other wait is as long then
      timeout: 5000,
    });
    const { endpoints } = await probe(request, clock.outside, () => {});
    return { endpoint: endpoints[0], waits: clock.waits() };
  };

  test.each(["second-request", "path-tricks"])(
    "is one: %s is refused, and few are waited for",
    async (attack) => {
      const { endpoint, waits } = await probing(attack);
      expect([endpoint?.verdict, endpoint?.reasons]).toEqual(["enforced", []]);
      expect(waits).toBeLessThanOrEqual(8);
    },
  );
});
