import { randomBytes } from "node:crypto";
import type { TlsOptions } from "node:tls";
import { beforeAll, expect, test } from "vitest";
import { systemThreads, type Threads } from "../../src/platform/threads.ts";
import { probe } from "../../src/probe/run.ts";
import { parseTarget } from "../../src/probe/target.ts";
import {
  UPGRADES,
  newWorld,
  outside,
  requestFor,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { httpsServer, tlsServer } from "./support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** Threads of the built program. This one must make no connection beside theirs. */
function onThreads() {
  const real = systemThreads(new URL("../../dist/worker.js", import.meta.url));
  const pools = { opened: 0, closed: 0 };
  const threads: Threads = {
    available: 2,
    pool(task, count) {
      pools.opened += 1;
      const made = real.pool(task, count);
      const close = () => {
        pools.closed += 1;
        return made.close();
      };
      return { ...made, close };
    },
  };
  const connect = () => {
    throw new Error("a connection of this thread");
  };
  return { pools, beside: { ...outside, threads, network: { ...outside.network, connect } } };
}

const https = (changes: TlsOptions, serve = () => {}) =>
  httpsServer(strictServer(world, changes), (_, response) => {
    serve();
    response.end("hello");
  });

/** One of each kind of connection: of the library and of the raw client, resumed, upgraded, without TLS. */
const KINDS = () =>
  selected(
    "no-cert",
    "self-signed",
    "wrong-ca",
    "resume-cross-host",
    "header-spoof",
    "other-alpn",
    "h2c-upgrade",
    ...UPGRADES,
    "stolen-certificate",
    "early-data",
    "psk-suites",
    "plaintext",
  );

test("other threads find what this one finds", async () => {
  const ticketKeys = randomBytes(48);
  const targets = [
    `https://localhost:${await https({ ticketKeys })}/`,
    `https://localhost:${await https({ ticketKeys, requestCert: false })}/`,
    `h2://localhost:${await https({})}/`,
    `tls://localhost:${await tlsServer(strictServer(world), (socket) => void socket.pipe(socket))}`,
  ].map(parseTarget);
  const request = requestFor(world, targets[0]?.url ?? "", { targets, attacks: KINDS() });
  const here = await probe(request, outside, () => {});
  const { beside, pools } = onThreads();
  const there = await probe(request, beside, () => {});
  expect(there).toEqual(here);
  const [strict, lax] = there.endpoints.filter(({ target }) => target.startsWith("https:"));
  expect(strict && withOutcome(strict, "accepted")).toEqual(["resume-cross-host@1.3"]);
  expect(lax && withOutcome(lax, "accepted")).toContain("no-cert@1.2");
  expect(pools).toEqual({ opened: 1, closed: 1 });
});

test("an interruption ends them, with what is known by then", async () => {
  const controller = new AbortController();
  let served = 0;
  const serve = () => {
    served += 1;
    if (served === 5) controller.abort(new Error("interrupted"));
  };
  const ports = [await https({}, serve), await https({ rejectUnauthorized: false }, serve)];
  const targets = ports.map((port) => parseTarget(`https://localhost:${port}/`));
  const request = requestFor(world, targets[0]?.url ?? "", { targets, attacks: KINDS() });
  const { beside, pools } = onThreads();
  const result = await probe(request, { ...beside, signal: controller.signal }, () => {});
  expect(result).toMatchObject({ interrupted: true, ok: false });
  expect(result.endpoints).toHaveLength(2);
  expect(pools.closed).toBeGreaterThan(0);
});

test("one target is not worth them", async () => {
  const { beside, pools } = onThreads();
  const request = requestFor(world, `https://localhost:${await https({})}/`, {
    attacks: selected("no-cert"),
  });
  const result = await probe(request, { ...beside, network: outside.network }, () => {});
  expect([result.summary.enforced, pools.opened]).toEqual([1, 0]);
});

test("with a delay no two connections start sooner than that after each other, to whatever target", async () => {
  const { beside, pools } = onThreads();
  const starts: number[] = [];
  const network = {
    ...outside.network,
    connect(address: string, port: number) {
      starts.push(performance.now());
      return outside.network.connect(address, port);
    },
  };
  const targets = [await https({}), await https({})].map((port) => parseTarget(`https://localhost:${port}/`));
  const request = requestFor(world, targets[0]?.url ?? "", {
    targets,
    attacks: selected("no-cert", "self-signed"),
    concurrency: undefined,
    delay: 40,
  });
  const { summary } = await probe(request, { ...beside, network }, () => {});
  expect([summary.enforced, pools.opened]).toEqual([2, 0]);
  expect(starts.length).toBeGreaterThan(15);
  const gaps = starts.slice(1).map((start, i) => start - (starts[i] ?? 0));
  // two clocks are read: a microsecond between them is no matter
  expect(Math.min(...gaps)).toBeGreaterThanOrEqual(39.9);
});
