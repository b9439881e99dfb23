import type { IncomingMessage, ServerResponse } from "node:http";
import { connect } from "node:net";
import { setTimeout as delay } from "node:timers/promises";
import type { TLSSocket } from "node:tls";
import { beforeAll, expect, test } from "vitest";
import {
  ESSENTIAL,
  newWorld,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { httpsServer, tcpServer } from "./support/servers.ts";
import { hello } from "./support/services.ts";

/** `FLEETSEC_SOAK=1`: the whole battery, a hundred times, with the delays of a bad mobile network. */
const soak = process.env["FLEETSEC_SOAK"] === "1";
const ROUNDS = soak ? 100 : 2;
/** Most of a round is waiting. */
const LANES = soak ? 6 : 1;
const MAX_DELAY = soak ? 200 : 20;
const RESETS = 0.15;

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/**
 * Passes connections on, each piece after a while; resets some at once, and some half-way. The first of
 * a round is always reset: from then on the probe tries ten times, and ten resets in a row do not happen.
 */
async function badNetwork(
  inner: number,
): Promise<{ readonly port: number; readonly beginRound: () => void }> {
  let isFirst = false;
  const port = await tcpServer((socket) => {
    const fate = isFirst ? 0 : Math.random();
    isFirst = false;
    if (fate < RESETS / 2) {
      socket.resetAndDestroy();
      return;
    }
    const through = connect(inner, "127.0.0.1");
    for (const one of [socket, through]) one.on("error", () => {});
    let before = Promise.resolve();
    const later = (what: () => void) => {
      before = before.then(() => delay(Math.random() * MAX_DELAY)).then(what);
    };
    socket.on("data", (bytes) => later(() => void through.write(bytes)));
    through.on("data", (bytes) =>
      later(() => {
        if (fate < RESETS) socket.resetAndDestroy();
        else socket.write(bytes);
      }),
    );
    through.on("end", () => later(() => void socket.end()));
    socket.on("close", () => through.destroy());
  });
  return { port, beginRound: () => void (isFirst = true) };
}

test(
  "resets and delays change no verdict, and no finding",
  { timeout: soak ? 7_200_000 : 120_000 },
  async () => {
    const resumable = (request: IncomingMessage, response: ServerResponse) => {
      response.writeHead((request.socket as TLSSocket).authorized ? 200 : 403).end("hello");
    };
    const lax = strictServer(world, { rejectUnauthorized: false });
    const inner = {
      strict: await httpsServer(strictServer(world), hello),
      open: await httpsServer(lax, hello),
      resumable: await httpsServer(lax, resumable),
    };
    const some = [
      "no-cert",
      "self-signed",
      "wrong-ca",
      "resume-no-cert",
      "stolen-certificate",
      "bad-finished",
    ];
    const changes = soak ? {} : { attacks: selected(...some) };
    let rounds = 0;
    const lane = async () => {
      const networks = await Promise.all(Object.values(inner).map(badNetwork));
      while (rounds < ROUNDS) {
        rounds += 1;
        const [strict, open, resumed] = await Promise.all(
          networks.map(({ port, beginRound }) => {
            beginRound();
            return probed(world, `https://localhost:${port}/`, changes);
          }),
        );
        if (strict === undefined || open === undefined || resumed === undefined)
          throw new Error("no endpoint");
        expect(strict.reasons).toEqual([]);
        expect([strict.verdict, open.verdict, resumed.verdict]).toEqual(["enforced", "bypassed", "bypassed"]);
        expect(withOutcome(open, "accepted")).toEqual(
          expect.arrayContaining(["no-cert@1.3", "no-cert@1.2", "self-signed@1.3", "wrong-ca@1.2"]),
        );
        expect(withOutcome(resumed, "accepted")).toContain("resume-no-cert@1.3");
        expect(withOutcome(resumed, "accepted")).not.toContain("no-cert@1.3");
      }
    };
    await Promise.all(Array.from({ length: LANES }, lane));
    expect(rounds).toBe(ROUNDS);
  },
);

test("a server that serves one client at a time is judged all the same", async () => {
  const inner = await httpsServer(strictServer(world), hello);
  let last = Promise.resolve();
  const port = await tcpServer((socket) => {
    socket.on("error", () => {});
    const before = last;
    const serve = async () => {
      await before;
      if (socket.destroyed) return;
      const through = connect(inner, "127.0.0.1");
      through.on("error", () => {});
      socket.pipe(through).pipe(socket);
      await new Promise((resolve) => through.on("close", resolve));
    };
    last = serve();
  });
  const endpoint = await probed(world, `https://localhost:${port}/`, { attacks: ESSENTIAL });
  expect(endpoint.verdict).toBe("enforced");
});
