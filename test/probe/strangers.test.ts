import type { IncomingMessage, RequestListener } from "node:http";
import { createServer, type Server } from "node:https";
import type { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { asking } from "../../src/probe/attack.ts";
import { pathTricks } from "../../src/probe/attacks/path-tricks.ts";
import { selfSigned } from "../../src/probe/attacks/self-signed.ts";
import { requestTo } from "../../src/probe/protocols/http.ts";
import { https } from "../../src/probe/protocols/https.ts";
import { newestVersion, strangers } from "../../src/probe/strangers.ts";
import { parseTarget } from "../../src/probe/target.ts";
import type { Encounter } from "../../src/probe/verdict/judgement.ts";
import {
  evidenceOf,
  forgeryFor,
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { listening } from "./support/servers.ts";
import { authorized, deny, isAuthorized, serve } from "./support/services.ts";
import { alerted, answered, FORGED, seen, unanswered } from "./support/traces.ts";

const BAD_CERTIFICATE = 42;

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const hasCertificate = (socket: TLSSocket) => socket.getPeerX509Certificate() !== undefined;

/** Hangs up on clients without a certificate, of whatever kind, before they can ask. */
function demandingAny(
  onRequest: RequestListener,
  extend: (server: Server) => void = () => {},
): Promise<number> {
  const server = createServer(strictServer(world, { rejectUnauthorized: false }), onRequest);
  server.on("secureConnection", (socket) => {
    if (!hasCertificate(socket)) socket.destroy();
  });
  extend(server);
  return listening(server);
}

const slipping =
  (slips: (request: IncomingMessage) => boolean): RequestListener =>
  (request, response) =>
    isAuthorized(request) || slips(request) ? serve(response) : deny(response);

describe.concurrent("a server that demands some certificate, and looks at it later", () => {
  const probing = async (attack: string, port: number) =>
    probed(world, `https://localhost:${port}/api/tenders`, {
      attacks: selected("no-cert", "self-signed", attack),
    });

  /** Who was on the connection before. */
  const isSecond = () => {
    const known = new WeakSet<object>();
    return ({ socket }: IncomingMessage) => {
      const isKnown = known.has(socket);
      known.add(socket);
      return isKnown;
    };
  };

  test.each<[string, string, (request: IncomingMessage) => boolean]>([
    ["path-tricks", "//", ({ url }) => url === "//api/tenders"],
    ["path-tricks", "PROPFIND", ({ method }) => method === "PROPFIND"],
    ["path-tricks", "Range", ({ headers }) => headers.range !== undefined],
    ["authority-switch", "127.0.0.1", ({ headers }) => headers.host === "127.0.0.1"],
    ["header-spoof", "X-SSL-Cert", ({ headers }) => headers["x-ssl-cert"] !== undefined],
  ])("%s finds what looks away at %s", async (attack, kind, slips) => {
    const endpoint = await probing(attack, await demandingAny(slipping(slips)));
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "self-signed"));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(attack));
    expect(evidenceOf(endpoint, attack)).toContain(`(self-signed, ${kind})`);
  });

  test("second-request finds what looks at a connection's first request alone", async () => {
    const endpoint = await probing("second-request", await demandingAny(slipping(isSecond())));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("second-request"));
  });

  test("h2c-upgrade finds what looks away at an upgrade", async () => {
    const upgrading = (server: Server) =>
      server.on("upgrade", (_request, socket: Duplex) => {
        socket.on("error", () => {});
        socket.end("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n");
      });
    const endpoint = await probing("h2c-upgrade", await demandingAny(authorized, upgrading));
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("h2c-upgrade"));
  });

  const ALL = ["path-tricks", "authority-switch", "header-spoof", "second-request", "h2c-upgrade"];

  test("one that looks at every request is enforced", async () => {
    const endpoint = await probed(world, `https://localhost:${await demandingAny(authorized)}/api/tenders`, {
      attacks: selected("no-cert", "self-signed", ...ALL),
    });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("is found out without the attacks that forge as well", async () => {
    const port = await demandingAny(slipping(({ url }) => url === "//api/tenders"));
    const attacks = selected("path-tricks");
    const endpoint = await probed(world, `https://localhost:${port}/api/tenders`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("path-tricks"));
  });

  test("the certificate is one of those that come as far as to ask", async () => {
    const server = createServer(
      strictServer(world, { rejectUnauthorized: false }),
      slipping(({ url }) => url === "//api/tenders"),
    );
    server.on("secureConnection", (socket) => {
      const isLate = String(socket.authorizationError) === "CERT_HAS_EXPIRED";
      if (!hasCertificate(socket) || !(socket.authorized || isLate)) socket.destroy();
    });
    const endpoint = await probed(world, `https://localhost:${await listening(server)}/api/tenders`, {
      attacks: selected("no-cert", "self-signed", "expired", "path-tricks"),
    });
    expect(withOutcome(endpoint, "refused")).toEqual(onBoth("no-cert", "self-signed", "expired"));
    expect(evidenceOf(endpoint, "path-tricks")).toContain("(expired, //)");
  });
});

test("what strangers were told stands in the order of the plan, however long each had to wait", async () => {
  const port = await demandingAny((request, response) => {
    if (isAuthorized(request)) serve(response);
    else setTimeout(() => deny(response), request.headers.host === "127.0.0.1" ? 0 : 300);
  });
  const endpoint = await probed(world, `https://localhost:${port}/`, {
    attacks: selected("no-cert", "self-signed", "authority-switch"),
  });
  expect(evidenceOf(endpoint, "authority-switch")).toContain(
    "(self-signed, fleetsec-probe.invalid, self-signed, localhost., self-signed, 127.0.0.1)",
  );
});

describe.concurrent("another server name behind which any certificate will do", () => {
  const serving = async (isLax: (name: string) => boolean) => {
    const port = await demandingAny((request, response) => {
      const { servername } = request.socket as TLSSocket & { readonly servername: string | false };
      return isAuthorized(request) || isLax(servername || "none") ? serve(response) : deny(response);
    });
    const attacks = selected("no-cert", "self-signed", "no-sni", "unknown-sni", "odd-sni");
    return probed(world, `https://localhost:${port}/`, { attacks });
  };

  test.each([
    ["no-sni", "none"],
    ["unknown-sni", "fleetsec-probe.invalid"],
    ["odd-sni", "LOCALHOST"],
  ])("%s finds it", async (attack, name) => {
    const endpoint = await serving((one) => one === name);
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth(attack));
    expect(evidenceOf(endpoint, attack)).toContain("(self-signed");
  });

  test("none such is enforced", async () => {
    const endpoint = await serving(() => false);
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });
});

describe("whether a stranger's certificate comes as far as to ask", () => {
  const fromForgers = async (encounters: readonly Encounter[], newest = ofNewest("HTTP 401")) => {
    const attempt = { kind: "", family: undefined, presented: { certificate: FORGED }, identity: undefined };
    const met = encounters.map((encounter) => ({ attempt, encounter }));
    const run = Promise.resolve({ attack: selfSigned, plan: { attempts: [attempt] }, met });
    const scene = { forgery: forgeryFor(world), families: [] };
    const nobody = async () => Promise.reject(new Error("one more connection"));
    const known = strangers(
      scene,
      () => new Map([[selfSigned, run]]),
      nobody,
      () => false,
      newest,
    );
    const asked = { ...asking(https(requestTo(parseTarget("https://localhost/"))), "//") };
    return known.withCertificate(pathTricks, [asked]);
  };
  /** The round of the newest version, where a stranger was told that. */
  const ofNewest = (label: string, accepted = false) => {
    const newest = newestVersion();
    newest.tell(answered(label, "denied").answer);
    newest.accepted.set(pathTricks.id, Promise.resolve(accepted));
    return { ...newest, isThis: false };
  };

  test("it does where the service answered one", async () => {
    const made = await fromForgers([alerted(BAD_CERTIFICATE), answered("HTTP 403", "denied")]);
    expect(made.map(({ kind, presented }) => [kind, presented])).toEqual([
      ["self-signed, //", { certificate: FORGED }],
    ]);
  });

  test("a handshake that refuses all costs no more connections", async () => {
    const made = await fromForgers([
      alerted(BAD_CERTIFICATE),
      unanswered({ end: "closed", asked: false }),
      unanswered({ end: "closed", seen: seen({ clientVerified: false }) }),
    ]);
    expect(made).toEqual([]);
  });

  test("over an older version it asks where the newest one's application is another, or lets somebody in", async () => {
    const denied = [answered("HTTP 403", "denied")];
    expect(await fromForgers(denied, ofNewest("HTTP 403"))).toEqual([]);
    expect(await fromForgers(denied, ofNewest("HTTP 401"))).toHaveLength(1);
    expect(await fromForgers(denied, ofNewest("HTTP 403", true))).toHaveLength(1);
  });

  test("over the newest version it asks, and says what it was told", async () => {
    const newest = { ...newestVersion(), isThis: true };
    expect(await fromForgers([answered("HTTP 403", "denied")], newest)).toHaveLength(1);
    expect((await newest.told)?.label).toBe("HTTP 403");
  });
});
