import { randomBytes } from "node:crypto";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { type Identity, readIdentity } from "../../../src/probe/identities/identity.ts";
import { probe } from "../../../src/probe/run.ts";
import { parseTarget } from "../../../src/probe/target.ts";
import {
  newWorld,
  onBoth,
  outside,
  probed,
  requestFor,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { bySni } from "../support/by-hello.ts";
import { testCa, testLeaf } from "../support/certificates.ts";
import { httpsServer } from "../support/servers.ts";
import { isAuthorized } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** Serves whom `admits` says; 403 to others. */
const serving = (admits: (socket: TLSSocket) => boolean, changes: TlsOptions = {}) =>
  httpsServer(strictServer(world, { rejectUnauthorized: false, ...changes }), (request, response) => {
    response.writeHead(admits(request.socket as TLSSocket) ? 200 : 403).end("hello");
  });
const strict = (changes: TlsOptions = {}) =>
  httpsServer(strictServer(world, changes), (_request, response) => {
    response.end("hello");
  });

const attacks = selected("no-cert", "resume-no-cert", "resume-after-reject");
const url = (port: number) => `https://localhost:${port}/`;

describe.concurrent("a session of a client that was not let in", () => {
  test("Node calls its owner authorised afterwards, in TLS 1.3", async () => {
    const port = await serving(({ authorized }) => authorized);
    const endpoint = await probed(world, url(port), { attacks });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(["resume-no-cert@1.3"]);
    expect(withOutcome(endpoint, "refused")).toEqual([
      ...onBoth("no-cert"),
      "resume-no-cert@1.2",
      ...onBoth("resume-after-reject"),
    ]);
  });

  test("unless the certificate itself is asked for", async () => {
    const port = await serving(
      (socket) => socket.authorized && (socket.getPeerCertificate().raw as Buffer | undefined) !== undefined,
    );
    const endpoint = await probed(world, url(port), { attacks });
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(
      onBoth("no-cert", "resume-no-cert", "resume-after-reject"),
    );
  });

  test("a service that trusts every resumed session is open to all of them", async () => {
    const port = await serving((socket) => socket.authorized || socket.isSessionReused());
    const endpoint = await probed(world, url(port), { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("resume-no-cert", "resume-after-reject"));
  });

  test("a server that lets nobody in gives no session, and without tickets nobody resumes", async () => {
    const endpoint = await probed(world, url(await strict()), { attacks });
    expect(endpoint.verdict).toBe("enforced");
    const resumed = endpoint.attacks.filter(({ id, tls }) => id === "resume-no-cert" && tls !== null);
    const none = ["not-applicable", "no session was given to resume"];
    expect(resumed.map(({ outcome, evidence }) => [outcome, evidence])).toEqual([none, none]);
  });
});

describe.concurrent("a session of another listener", () => {
  /** What the second of two listeners does with the first one's sessions. */
  async function second(
    first: TlsOptions,
    other: TlsOptions,
    supplied: ReadonlyMap<string, Identity> = new Map<string, Identity>(),
  ) {
    const [lax, port] = [
      await httpsServer(strictServer(world, first), (_, to) => void to.end("hi")),
      await strict(other),
    ];
    const request = requestFor(world, url(port), { attacks: selected("no-cert", "resume-cross-host") });
    const targets = [parseTarget(url(lax)), ...request.targets];
    const { endpoints } = await probe({ ...request, targets, supplied }, outside, () => {});
    const found = endpoints.find(({ target }) => target === url(port));
    if (found === undefined) throw new Error("no endpoint");
    return found;
  }

  test("opens a strict Node that shares the keys of its tickets with a lax one, in TLS 1.3", async () => {
    const ticketKeys = randomBytes(48);
    const endpoint = await second({ requestCert: false, ticketKeys }, { ticketKeys });
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(["resume-cross-host@1.3"]);
    expect(endpoint.reasons[0]).toMatch(/from localhost:\d+ at 127\.0\.0\.1/);
  });

  test("is worth nothing where each has keys of its own", async () => {
    const endpoint = await second({ requestCert: false }, {});
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "resume-cross-host"));
  });

  test("opens one that trusts fewer CAs, to a client of the others that the user supplies", async () => {
    const partner = await testCa("Partner CA");
    const leaf = await testLeaf(partner, { commonName: "partner", purpose: "client" });
    const names = { certificate: "partner", key: "its key" };
    const identity = readIdentity(Buffer.from(leaf.pem), leaf.keyPem, names);
    const wider: TlsOptions = { rejectUnauthorized: true, ca: [world.root.pem, partner.pem] };
    const supplied = new Map([["resume-cross-host", identity]]);
    const ticketKeys = randomBytes(48);
    const open = await second({ ...wider, ticketKeys }, { ticketKeys }, supplied);
    expect(withOutcome(open, "accepted")).toEqual(onBoth("resume-cross-host"));
    expect(open.reasons[0]).toMatch(/given to the supplied one/);
    const apart = await second(wider, {}, supplied);
    expect([apart.verdict, withOutcome(apart, "refused")]).toEqual([
      "enforced",
      onBoth("no-cert", "resume-cross-host"),
    ]);
    // nothing of ours is let in there, so that without the supplied one there is nothing to try
    const without = await second({ ...wider, ticketKeys }, { ticketKeys });
    expect(withOutcome(without, "accepted")).toEqual([]);
  });

  test("that gives none, or has no such version, says nothing about this one", async () => {
    const endpoint = await second({ rejectUnauthorized: true, maxVersion: "TLSv1.2" }, {});
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "not-applicable")).toEqual(onBoth("resume-cross-host"));
  });

  test("serves for the next listener where one has passed it over, in TLS 1.2", async () => {
    const handshakes = { full: 0 };
    const admits = ({ authorized }: TLSSocket) => {
      if (!authorized) handshakes.full += 1;
      return authorized;
    };
    const tls12: TlsOptions = { maxVersion: "TLSv1.2", rejectUnauthorized: true };
    const lax = await serving(admits, { maxVersion: "TLSv1.2" });
    const others = await Promise.all(Array.from({ length: 6 }, async () => strict(tls12)));
    const targets = [lax, ...others].map((port) => parseTarget(url(port)));
    const changes = { targets, concurrency: 1, attacks: selected("no-cert", "resume-cross-host") };
    const request = requestFor(world, url(lax), changes);
    const { endpoints } = await probe(request, outside, () => {});
    expect(endpoints.flatMap(({ reasons }) => reasons)).toEqual([]);
    expect(endpoints.slice(1).flatMap((one) => withOutcome(one, "refused"))).toContain(
      "resume-cross-host@1.2",
    );
    // no-cert, a session of each of the two clients without a valid certificate for six listeners, and under each of four
    // other names, where it is brought back as well
    expect(handshakes.full).toBeGreaterThanOrEqual(3);
    expect(handshakes.full).toBeLessThan(1 + 2 * 6 + 2 * 2 * 4);
  });

  test("is one of another name where there is no other target", async () => {
    const endpoint = await probed(world, url(await strict()), {
      attacks: selected("no-cert", "resume-cross-host"),
    });
    expect(withOutcome(endpoint, "not-applicable")).toEqual(onBoth("resume-cross-host"));
    expect(endpoint.verdict).toBe("enforced");
  });
});

describe.concurrent("a session of another name of the same listener", () => {
  const OTHER_NAMES = ["no-sni", "unknown-sni", "odd-sni"];
  const ALL = ["resume-cross-host", ...OTHER_NAMES];

  /** A host that demands no certificate and gives nothing away, and a strict one, behind one port. */
  async function hosts(isLax: (name: string | undefined) => boolean, shared: boolean) {
    const ticketKeys = randomBytes(48);
    const lax = { requestCert: false, ticketKeys };
    const [other, own] = [
      await httpsServer(strictServer(world, lax), (_, to) => void to.writeHead(421).end("no")),
      await strict(shared ? { ticketKeys } : {}),
    ];
    return bySni((name) => (isLax(name) ? other : own));
  }
  const probing = async (port: number, ...ids: string[]) => {
    let connections = 0;
    const request = requestFor(world, url(port), {
      attacks: selected("no-cert", ...ids),
    });
    const { endpoints } = await probe(request, outside, (progress) => (connections = progress.connections));
    const [endpoint] = endpoints;
    if (endpoint === undefined) throw new Error("no endpoint");
    return { endpoint, connections };
  };

  test.each<[string, string | undefined]>([
    ["no name", undefined],
    ["fleetsec-probe.invalid", "fleetsec-probe.invalid"],
    ["LOCALHOST", "LOCALHOST"],
    ["localhost.", "localhost."],
  ])("%s opens the strict one, in TLS 1.3, where they share the keys of their tickets", async (told, lax) => {
    const { endpoint } = await probing(await hosts((name) => name === lax, true), ...ALL);
    expect(withOutcome(endpoint, "accepted")).toEqual(["resume-cross-host@1.3"]);
    expect(endpoint.reasons).toEqual([
      `resume-cross-host on TLS 1.3: HTTP 200, as the control (given under ${told})`,
    ]);
    const apart = await probing(await hosts((name) => name === lax, false), ...ALL);
    expect([apart.endpoint.reasons, apart.endpoint.verdict]).toEqual([[], "enforced"]);
    expect(withOutcome(apart.endpoint, "refused")).toEqual(
      onBoth("no-cert", "resume-cross-host", ...OTHER_NAMES),
    );
  });

  test("is asked for anew only where no other attack was given one", async () => {
    const isLax = (name: string | undefined) => name !== "localhost";
    const found = await probing(await hosts(isLax, true), "resume-cross-host");
    expect(withOutcome(found.endpoint, "accepted")).toEqual(["resume-cross-host@1.3"]);
    const port = await hosts(isLax, false);
    const made = async (...ids: string[]) => {
      const { endpoint, connections } = await probing(port, ...ids);
      expect([endpoint.reasons, endpoint.verdict]).toEqual([[], "enforced"]);
      return connections;
    };
    const alone = (await made("resume-cross-host")) - (await made());
    const beside = (await made(...OTHER_NAMES, "resume-cross-host")) - (await made(...OTHER_NAMES));
    expect(beside).toBeGreaterThan(0);
    expect(beside).toBeLessThan(alone);
  });

  test("costs nothing more where those names lead to a server that gives none", async () => {
    const port = await strict();
    const made = async (...ids: string[]) => (await probing(port, ...ids)).connections;
    expect(await made(...ALL)).toBe(await made(...OTHER_NAMES));
  });

  test("is found where only one with a stranger's certificate is taken", async () => {
    const ticketKeys = randomBytes(48);
    const hasCertificate = (socket: TLSSocket) =>
      (socket.getPeerCertificate().raw as Buffer | undefined) !== undefined;
    const port = await serving(
      (socket) => hasCertificate(socket) && (socket.authorized || socket.isSessionReused()),
      { ticketKeys },
    );
    const { endpoint } = await probing(port, "resume-cross-host");
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("resume-cross-host"));
    expect(endpoint.reasons[0]).toContain("given under no name to a self-signed one");
  });

  test("that leads to the other host gives nothing of the target's away", async () => {
    const port = await httpsServer(
      strictServer(world, { rejectUnauthorized: false }),
      (request, response) => {
        const socket = request.socket as TLSSocket & { readonly servername: string | false };
        if (socket.servername !== "localhost") response.end(`welcome to the public host`);
        else response.writeHead(isAuthorized(request) ? 200 : 403).end("hello");
      },
    );
    const { endpoint } = await probing(port, ...ALL);
    expect([endpoint.reasons, endpoint.verdict]).toEqual([[], "enforced"]);
    expect(withOutcome(endpoint, "refused")).toContain("resume-cross-host@1.2");
  });
});
