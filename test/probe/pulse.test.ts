import { createServer, type Server as HttpsServer } from "node:https";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import type { Client } from "../../src/probe/endpoint.ts";
import { pulseOf } from "../../src/probe/pulse.ts";
import type { Encounter } from "../../src/probe/verdict/judgement.ts";
import { newWorld, probed, selected, strictServer, withOutcome, type World } from "./support/probing.ts";
import { httpsServer, tcpServer, tlsServer } from "./support/servers.ts";
import { answered, served, silent } from "./support/traces.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const options = (changes: TlsOptions = {}) => strictServer(world, changes);

/** An HTTPS server that lets every connection after the first few wait for ever; how many came. */
async function hangingAfter(most: number, changes: TlsOptions = {}) {
  const server: HttpsServer = createServer(options(changes), (_request, response) => void response.end("hi"));
  const came = { connections: 0 };
  const port = await tcpServer((socket) => {
    came.connections += 1;
    if (came.connections <= most) server.emit("connection", socket);
  });
  return { url: `https://localhost:${port}/`, came };
}

const ON_13 = ["no-cert", "self-signed", "wrong-ca", "no-sni", "unknown-sni", "odd-sni", "path-tricks"];
/** Milliseconds that a step may take, so that waiting in vain is short. */
const timeout = 500;

describe.concurrent("a server that stops answering", () => {
  test("is left after a few connections, and is inconclusive", async () => {
    const { url, came } = await hangingAfter(2);
    const { verdict, reasons } = await probed(world, url, { timeout });
    expect(verdict).toBe("inconclusive");
    expect(reasons.join("\n")).toMatch(/the server stopped answering, after \d+ connections/);
    // two rounds of eight, their controls, and what older versions are asked: a whole battery has 300
    expect(came.connections).toBeLessThan(60);
  });

  test("that answers no valid client from the beginning is left too", async () => {
    let connections = 0;
    const port = await tlsServer(options({ rejectUnauthorized: false }), (socket) => {
      connections += 1;
      socket.write("220 ready\r\n");
      socket.on("data", (bytes) => socket.write(`250 ${String(bytes)}`));
    });
    const { verdict } = await probed(world, `https://localhost:${port}/`, { timeout });
    expect(verdict).toBe("inconclusive");
    expect(connections).toBeLessThan(60);
  });

  test("keeps what was found before", async () => {
    const { url } = await hangingAfter(14, { rejectUnauthorized: false });
    const endpoint = await probed(world, url, { timeout, concurrency: 1 });
    expect(endpoint.verdict).toBe("bypassed");
    expect(endpoint.doubts.join("\n")).toMatch(/the server stopped answering/);
  });

  test("is another than one that answers valid clients, and lets everybody else wait", async () => {
    // of a client that it does not know, it hears nothing; at the end of the battery it opens
    const port = await tlsServer(options({ rejectUnauthorized: false }), (socket) => {
      socket.on("data", (bytes) => {
        const isTricky = !String(bytes).startsWith("GET / HTTP/1.1");
        if (socket.authorized || isTricky) socket.end("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi");
      });
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, {
      timeout,
      attacks: selected(...ON_13),
    });
    expect(withOutcome(endpoint, "accepted")).toContain("path-tricks@1.3");
    expect(endpoint.reasons.concat(endpoint.doubts).join("\n")).not.toMatch(/stopped answering/);
  });
});

describe.concurrent("a server that answers valid clients at once, and others late", () => {
  /** Longer than a second, which is all that such clients are given at first. */
  const LATE = 1500;
  const lateTo = async (status: number) => {
    const changes = { rejectUnauthorized: false, minVersion: "TLSv1.3" } as const;
    const port = await httpsServer(options(changes), (request, response) => {
      const { authorized } = request.socket as TLSSocket;
      const answer = () => void response.writeHead(authorized ? 200 : status).end("hi");
      if (authorized) answer();
      else setTimeout(answer, LATE);
    });
    const attacks = selected("no-cert", "self-signed", "wrong-ca", "fragmented-hello");
    return probed(world, `https://localhost:${port}/`, { attacks });
  };

  test("is enforced where it denies", async () => {
    const { verdict, reasons } = await lateTo(403);
    expect({ verdict, reasons }).toEqual({ verdict: "enforced", reasons: [] });
  });

  test("is bypassed where it serves", async () => {
    const endpoint = await lateTo(200);
    expect(withOutcome(endpoint, "accepted")).toEqual(
      ["no-cert", "self-signed", "wrong-ca", "fragmented-hello"].map((id) => `${id}@1.3`),
    );
  });

  /**
   * How long an answer may take each of three clients in a row, where the first that is given all the time is
   * told this. A valid client is answered as fast as `beside`.
   */
  const patienceWith = async (late: Encounter, beside = served) => {
    const waits: (number | undefined)[] = [];
    const meet = async ({ ms }: Client) => {
      waits.push(ms?.total);
      return ms === undefined ? silent : late;
    };
    const ask = async () => beside;
    const pulse = pulseOf({ meet, alone: meet }, served, true, { beside: ask, alone: ask });
    const client: Client = { version: "1.3", identity: undefined, control: false, like: served.trace };
    const met = [await pulse.meet(client), await pulse.meet(client), await pulse.alone(client)];
    return { waits, met };
  };
  const ALL = Number.POSITIVE_INFINITY;

  test("is given what the first denial took", async () => {
    const late = answered("HTTP 403", "denied", "no", { ms: { established: 5, total: 2500 } });
    expect(await patienceWith(late)).toEqual({
      waits: [undefined, ALL, 2500, 2500],
      met: [late, late, late],
    });
  });

  const taking = (total: number) => answered("HTTP 200", "granted", "hi", { ms: { established: 1, total } });
  test.each([
    ["as long as the first valid client lets it", taking(served.trace.ms.total + 1), served.trace.ms.total],
    [
      "no longer than valid clients are by then",
      taking(served.trace.ms.total - 1),
      served.trace.ms.total - 1,
    ],
    ["as long as before, where they are told nothing", silent, served.trace.ms.total],
  ])("is waited for once where it never answers, and then %s", async (_what, beside, total) => {
    expect(await patienceWith(silent, beside)).toEqual({
      waits: [undefined, ALL, total, total],
      met: [silent, silent, silent],
    });
  });
});
