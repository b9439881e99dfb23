import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { createServer, type IncomingHttpHeaders } from "node:http";
import { Agent, createServer as createTlsServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect, type SecureVersion } from "node:tls";
import { beforeAll, describe, expect, onTestFinished, test } from "vitest";
import type { GatewayEvent } from "../../src/gateway/events.ts";
import { type Gateway, type GatewayOptions, startGateway } from "../../src/gateway/gateway.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { type TestAuthority, testAuthority, type TestLeaf, testLeaf } from "../support/authority.ts";
import { scratch } from "../support/scratch.ts";

const ORG = { type: "O", value: "acme" } as const;
const role = (name: string) => ({ type: "OU", value: name }) as const;

let ca: TestAuthority;
let other: TestAuthority;
let serverLeaf: TestLeaf;
let dispatcher: TestLeaf;

beforeAll(async () => {
  [ca, other] = await Promise.all([testAuthority(), testAuthority()]);
  serverLeaf = await testLeaf(ca, { usage: "server" });
  dispatcher = await testLeaf(ca, {
    subject: [{ type: "CN", value: "tms" }, role("carrier_dispatch"), ORG],
    names: [{ type: "uri", value: "spiffe://fleet.internal/tms-connector/tms" }],
  });
});

interface Started {
  readonly gateway: Gateway;
  readonly events: GatewayEvent[];
  readonly directory: string;
  readonly clock: { now: number };
}

async function start(options: Partial<GatewayOptions> = {}): Promise<Started> {
  const directory = scratch();
  const credentials = {
    cert: join(directory, "cert.pem"),
    key: join(directory, "key.pem"),
    clientCa: join(directory, "ca.pem"),
  };
  writeFileSync(credentials.cert, serverLeaf.cert);
  writeFileSync(credentials.key, serverLeaf.key);
  writeFileSync(credentials.clientCa, ca.certificate);
  const events: GatewayEvent[] = [];
  const clock = { now: Date.now() };
  const gateway = await startGateway(
    { host: "127.0.0.1", port: 0, credentials, allowedRoles: ["carrier_dispatch"], ...options },
    {
      files: systemFiles,
      clock: { monotonic: () => 0, now: () => clock.now, sleep: async () => {} },
      random: (length) => randomBytes(length),
    },
    (event) => events.push(event) > 0,
  );
  onTestFinished(() => gateway.close());
  return { gateway, events, directory, clock };
}

interface Reply {
  readonly status: number;
  readonly body: string;
}

interface RequestOptions {
  readonly client?: TestLeaf;
  readonly path?: string;
  readonly headers?: Record<string, string>;
  readonly version?: SecureVersion;
  readonly body?: Buffer;
  readonly agent?: Agent;
}

function send(
  gateway: Gateway,
  { client, path = "/", headers, version, body, agent }: RequestOptions,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    const outgoing = request(
      {
        host: "127.0.0.1",
        port: gateway.port,
        path,
        method: body === undefined ? "GET" : "POST",
        ca: ca.certificate,
        agent: agent ?? false,
        ...client,
        ...(headers === undefined ? {} : { headers }),
        ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
      },
      (response) => {
        let text = "";
        response.setEncoding("utf8").on("data", (part: string) => (text += part));
        response.on("end", () => resolve({ status: response.statusCode ?? 0, body: text }));
        response.on("error", reject);
      },
    );
    outgoing.on("error", reject);
    outgoing.end(body);
  });
}

/** Plain HTTP upstream that remembers the headers it was sent. */
async function upstream(): Promise<{ port: number; seen: IncomingHttpHeaders[] }> {
  const seen: IncomingHttpHeaders[] = [];
  const server = createServer((incoming, response) => {
    seen.push(incoming.headers);
    incoming.resume().on("end", () => response.end("from upstream"));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { port: (server.address() as AddressInfo).port, seen };
}

test("a value of the subject that looks like an attribute is escaped", async () => {
  const { gateway, events } = await start();
  const subject = [{ type: "CN", value: "guest, CN=admin" } as const, role("carrier_dispatch")];
  const client = await testLeaf(ca, { subject });
  expect((await send(gateway, { client })).status).toBe(200);
  expect(events[0]?.identity?.subject).toBe(String.raw`CN=guest\, CN=admin, OU=carrier_dispatch`);
});

describe.each(["TLSv1.2", "TLSv1.3"] as const)("on %s", (version) => {
  test("a client with a valid certificate and role gets through; both are audited", async () => {
    const { gateway, events } = await start();
    const reply = await send(gateway, { client: dispatcher, version });
    expect(reply.status).toBe(200);
    expect(JSON.parse(reply.body)).toMatchObject({
      subject: "CN=tms, OU=carrier_dispatch, O=acme",
      spiffeId: "spiffe://fleet.internal/tms-connector/tms",
      roles: ["carrier_dispatch"],
    });
    expect(events).toMatchObject([
      {
        event_type: "authentication",
        result: "success",
        identity: { roles: ["carrier_dispatch"], sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
      },
      { event_type: "authorization", decision: "allow", policy_id: expect.any(String) as string, path: "/" },
    ]);
  });

  test.each([
    ["no certificate", async () => undefined],
    ["another CA", () => testLeaf(other)],
    ["an expired certificate", () => testLeaf(ca, { notAfter: Date.now() - 1_000 })],
    [
      "a certificate of tomorrow",
      () => testLeaf(ca, { notBefore: Date.now() + 3_600_000, notAfter: Date.now() + 7_200_000 }),
    ],
    ["a server's certificate", () => testLeaf(ca, { usage: "server" })],
  ])("%s is refused by TLS, audited with the reason, and never reaches a request", async (_, make) => {
    const { gateway, events } = await start();
    const client = await make();
    await expect(send(gateway, { version, ...(client === undefined ? {} : { client }) })).rejects.toThrow();
    await expect.poll(() => events).toMatchObject([{ event_type: "authentication", result: "failure" }]);
    expect((await send(gateway, { client: dispatcher, version })).status).toBe(200);
  });

  test("no session can be resumed, where one of a server with tickets can", async () => {
    const { gateway } = await start();
    const first = await visit(gateway.port, version);
    expect((await visit(gateway.port, version, first.session)).reused).toBe(false);
    const lax = createTlsServer({ ...serverLeaf, ca: ca.certificate, requestCert: true }, (_, response) =>
      response.end(),
    );
    await new Promise<void>((resolve) => lax.listen(0, "127.0.0.1", resolve));
    onTestFinished(() => void lax.close());
    const { port } = lax.address() as AddressInfo;
    expect((await visit(port, version, (await visit(port, version)).session)).reused).toBe(true);
  });
});

/** One request over a connection of its own, perhaps with a session of an earlier one. */
function visit(
  port: number,
  version: SecureVersion,
  session?: Buffer,
): Promise<{ reused: boolean; session: Buffer | undefined }> {
  return new Promise((resolve, reject) => {
    let [ticket, reused]: [Buffer | undefined, boolean] = [undefined, false];
    const socket = connect({
      host: "127.0.0.1",
      port,
      ca: ca.certificate,
      minVersion: version,
      maxVersion: version,
      ...dispatcher,
      ...(session === undefined ? {} : { session }),
    });
    socket.on("session", (data) => (ticket = data));
    socket.on("secureConnect", () => {
      reused = socket.isSessionReused();
      socket.write("GET / HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
    });
    socket.resume().on("close", () => resolve({ reused, session: ticket }));
    socket.on("error", reject);
  });
}

describe("authorisation", () => {
  test("a valid certificate without the role gets 403, audited as deny", async () => {
    const { gateway, events } = await start();
    const truck = await testLeaf(ca, { subject: [{ type: "CN", value: "truck" }, role("vehicle_agent")] });
    expect((await send(gateway, { client: truck })).status).toBe(403);
    expect(events.at(-1)).toMatchObject({ event_type: "authorization", decision: "deny" });
  });

  test("a certificate that expires while its connection is open gets 403", async () => {
    const { gateway, clock } = await start();
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    onTestFinished(() => agent.destroy());
    expect((await send(gateway, { client: dispatcher, agent })).status).toBe(200);
    clock.now += 7_200_000;
    expect((await send(gateway, { client: dispatcher, agent })).status).toBe(403);
  });

  test.each(["//a", "/a/../b", "/a/./b", "/%2e%2e/b", "/a%2Fb", "/a;b", "/a\\b", "/%00"])(
    "the path %s is refused with 400",
    async (path) => {
      const { gateway, events } = await start();
      expect((await send(gateway, { client: dispatcher, path })).status).toBe(400);
      expect(events.at(-1)).toMatchObject({ decision: "deny" });
    },
  );
});

describe("the upstream", () => {
  const forged = {
    "X-Forwarded-Client-Cert": "Hash=0",
    "X-SSL-Client-Verify": "SUCCESS",
    X_SSL_Client_S_DN: "CN=admin",
    "X-Client-Cert": "forged",
    "Client-Cert": ":Zm9yZ2Vk:",
    "X-Forwarded-Tls-Client-Cert": "forged",
    "X-Forwarded-For": "10.0.0.1",
    "X-Custom": "kept",
  };

  test("gets the verified certificate and none of the identities that the client claims", async () => {
    const { port, seen } = await upstream();
    const { gateway } = await start({ upstream: { host: "127.0.0.1", port } });
    const reply = await send(gateway, { client: dispatcher, headers: forged, body: Buffer.from("tender") });
    expect(reply).toEqual({ status: 200, body: "from upstream" });
    const [headers = {}] = seen;
    const der = Buffer.from(dispatcher.cert.replace(/-----[^-]+-----|\s/g, ""), "base64");
    expect(headers["client-cert"]).toBe(`:${der.toString("base64")}:`);
    expect(headers["x-custom"]).toBe("kept");
    expect(JSON.stringify(headers)).not.toMatch(/forged|SUCCESS|admin|Hash=0|10\.0\.0\.1/);
  });

  test("that is down gives 502", async () => {
    const { port } = await upstream();
    const { gateway } = await start({ upstream: { host: "127.0.0.1", port: port === 1 ? 2 : 1 } });
    expect((await send(gateway, { client: dispatcher })).status).toBe(502);
  });

  test("is not sent a body without end", async () => {
    const { port } = await upstream();
    const { gateway } = await start({ upstream: { host: "127.0.0.1", port } });
    const outcome = send(gateway, { client: dispatcher, body: Buffer.alloc(12 << 20) }).then(
      ({ status }) => status,
      () => "closed",
    );
    expect([413, "closed"]).toContain(await outcome);
  });
});

describe("reload", () => {
  test("new connections get the new certificates; unchanged files change nothing", async () => {
    const { gateway, directory } = await start();
    expect(gateway.reload()).toBe(false);
    expect((await send(gateway, { client: dispatcher })).status).toBe(200);
    writeFileSync(join(directory, "ca.pem"), other.certificate);
    expect(gateway.reload()).toBe(true);
    await expect(send(gateway, { client: dispatcher })).rejects.toThrow();
  });

  test("what cannot be read leaves the old ones in force", async () => {
    const { gateway, directory } = await start();
    writeFileSync(join(directory, "cert.pem"), "no certificate");
    expect(() => gateway.reload()).toThrow(expect.objectContaining({ code: "input" }));
    expect((await send(gateway, { client: dispatcher })).status).toBe(200);
  });
});

test("an address in use is an input error", async () => {
  const { gateway } = await start();
  await expect(start({ port: gateway.port })).rejects.toMatchObject({ code: "input" });
});
