import { setTimeout as sleep } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { newWorld, probed, selected, strictServer, withOutcome, type World } from "../support/probing.ts";
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
