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
import { testCa, testLeaf } from "../support/certificates.ts";
import { httpsServer } from "../support/servers.ts";

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
    // no-cert, and a session of each of the two clients without a valid certificate for six listeners
    expect(handshakes.full).toBeGreaterThanOrEqual(3);
    expect(handshakes.full).toBeLessThan(1 + 2 * 6);
  });

  test("needs another target", async () => {
    const endpoint = await probed(world, url(await strict()), {
      attacks: selected("no-cert", "resume-cross-host"),
    });
    expect(withOutcome(endpoint, "not-run")).toEqual(expect.arrayContaining(onBoth("resume-cross-host")));
    expect(endpoint.verdict).toBe("enforced");
  });
});
