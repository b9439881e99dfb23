import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import type { Scene } from "../../../src/probe/attack.ts";
import { otherHello } from "../../../src/probe/attacks/other-hello.ts";
import { byHello, codes, type Offered } from "../support/by-hello.ts";
import {
  forgeryFor,
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** Serves whoever has a certificate, or agreed on what is let in. */
const serving = (isLax: (socket: TLSSocket) => boolean, options: TlsOptions = {}) =>
  httpsServer(strictServer(world, { rejectUnauthorized: false, ...options }), (request, response) => {
    const socket = request.socket as TLSSocket;
    response.writeHead(socket.authorized || isLax(socket) ? 200 : 403).end("hello");
  });
/** The server takes the client's first suite. */
const clientsChoice = { honorCipherOrder: false };
const isChaCha = (socket: TLSSocket) => /CHACHA20/i.test(socket.getCipher().name);

const probing = (port: number) =>
  probed(world, `https://localhost:${port}/`, { attacks: selected("no-cert", "other-hello") });

test.concurrent("a server that demands a certificate of everybody refuses each", async () => {
  const endpoint = await probing(await serving(() => false));
  expect(endpoint.reasons).toEqual([]);
  expect(endpoint.verdict).toBe("enforced");
  expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "other-hello"));
});

test.concurrent("nor does the version that the server chooses matter to one that refuses in the handshake", async () => {
  const port = await serving(() => false, { rejectUnauthorized: true });
  const endpoint = await probing(port);
  expect(endpoint.reasons).toEqual([]);
  expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "other-hello"));
});

test.concurrent.each(["TLSv1.2", "TLSv1.3"] as const)("so does one of %s alone", async (version) => {
  const port = await serving(() => false, { minVersion: version, maxVersion: version });
  const endpoint = await probing(port);
  expect(endpoint.verdict).toBe("enforced");
  expect(withOutcome(endpoint, "refused")).toEqual(
    ["no-cert", "other-hello"].map((id) => `${id}@${version.slice(4)}`),
  );
});

test.concurrent("one that lets ChaCha20 in is found", async () => {
  const endpoint = await probing(await serving(isChaCha, clientsChoice));
  expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert"));
  expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-hello"));
  expect(endpoint.reasons[0]).toContain("ChaCha20 first");
});

const [SUPPORTED_GROUPS, SESSION_TICKET, SUPPORTED_VERSIONS] = [10, 35, 43];
const P256 = 0x0017;
const offersBoth = ({ extensions }: Offered) => (extensions.get(SUPPORTED_VERSIONS)?.length ?? 0) > 3;
const CHACHA20 = [0x1303, 0xcca8, 0xcca9];

describe.concurrent("a server that excuses a client for its ClientHello is found", () => {
  /** As Go's GetConfigForClient chooses: one without a check beside one that demands certificates. */
  const excusing = async (isExcused: (offered: Offered) => boolean) => {
    const [guarded, open] = [await serving(() => false), await serving(() => true)];
    return probing(await byHello((offered) => (isExcused(offered) ? open : guarded)));
  };
  const groupsOf = ({ extensions }: Offered) => codes(extensions.get(SUPPORTED_GROUPS) ?? Buffer.alloc(2));

  test.each<[string, string, (offered: Offered) => boolean]>([
    ["P-256 alone", "P-256 alone, no tickets", (offered) => groupsOf(offered).join() === String(P256)],
    ["no session tickets", "P-256 alone, no tickets", ({ extensions }) => !extensions.has(SESSION_TICKET)],
    [
      "ChaCha20 before all else",
      "ChaCha20 first",
      ({ suites }) => CHACHA20.some((suite) => suite === suites[0]),
    ],
  ])("%s", async (_what, kind, isExcused) => {
    const endpoint = await excusing(isExcused);
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-hello"));
    expect(endpoint.reasons[0]).toContain(kind);
  });

  test("both versions", async () => {
    const endpoint = await excusing(offersBoth);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("other-hello"));
    expect(endpoint.reasons[0]).toContain("both versions");
  });
});

/** As Apache has it where certificates are demanded for a path alone: over TLS 1.3 nobody is asked for one. */
describe.concurrent("a server that serves nobody over TLS 1.3", () => {
  const probingWith = async (choosesNewer: (offered: Offered) => boolean) => {
    const [newer, older] = [
      await serving(() => false, { minVersion: "TLSv1.3", requestCert: false }),
      await serving(() => false, { maxVersion: "TLSv1.2", rejectUnauthorized: true }),
    ];
    return probing(await byHello((offered) => (choosesNewer(offered) ? newer : older)));
  };

  test("is judged by TLS 1.2, and those for whom it chooses TLS 1.3 by that", async () => {
    const endpoint = await probingWith(({ extensions }) => extensions.has(SUPPORTED_VERSIONS));
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(["no-cert@1.2", "other-hello@1.2"]);
  });

  test("is not, where TLS 1.3 is chosen for nobody but them", async () => {
    const endpoint = await probingWith(offersBoth);
    expect(endpoint.verdict).toBe("inconclusive");
    expect(endpoint.reasons).toEqual([
      expect.stringMatching(/^other-hello on TLS 1.2: HTTP 403.*not asked for/),
    ]);
  });
});

describe.concurrent("its plan", () => {
  const planFor = async (scene: Pick<Scene, "version" | "families">) => {
    const plan = await otherHello.plan({ ...scene, forgery: forgeryFor(world) } as Scene);
    if (!("attempts" in plan)) throw new Error("no attempts");
    return plan.attempts.map(({ kind, family, presented, identity, hello }) => ({
      kind,
      family,
      presents: typeof presented === "string" ? presented : identity?.chain[0].subject.key,
      hello,
    }));
  };

  test("offers both versions over TLS 1.3, and one that does not over TLS 1.2", async () => {
    const [newer, older] = [
      await planFor({ version: "1.3", families: ["p256", "rsa"] }),
      await planFor({ version: "1.2", families: ["p256", "rsa"] }),
    ];
    const kinds = [
      "both versions",
      "self-signed, both versions",
      "P-256 alone, no tickets",
      "ChaCha20 first",
    ];
    expect(newer.map(({ kind }) => kind)).toEqual(kinds);
    expect(older.map(({ kind }) => kind)).toEqual(kinds);
    expect(newer.map(({ hello }) => hello?.bothVersions)).toEqual([true, true, true, true]);
    expect(older.map(({ hello }) => hello?.bothVersions)).toEqual([true, true, undefined, undefined]);
    expect(newer[2]?.hello).toMatchObject({ groups: "P-256", withoutTickets: true });
    expect(newer[3]?.hello?.ciphers).toMatch(/^TLS_CHACHA20_POLY1305_SHA256:/);
  });

  test("forges in one family that the server lists, in the valid client's name", async () => {
    const [, forged] = await planFor({ version: "1.3", families: ["rsa", "p256"] });
    expect(forged).toMatchObject({
      family: "rsa",
      presents: forgeryFor(world).control?.chain[0].subject.key,
    });
  });

  test("forges nothing where the server lists no family of ours", async () => {
    const attempts = await planFor({ version: "1.3", families: [] });
    expect(attempts.map(({ presents }) => presents)).toEqual(["other-hello", "other-hello", "other-hello"]);
  });
});
