import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { connect as connectHttp2 } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type SecureVersion, type TLSSocket } from "node:tls";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { UNTRUSTED_HEADERS } from "../../src/scaffold/untrusted-headers.ts";
import { testAuthority, type TestLeaf, testLeaf } from "../support/authority.ts";
import { scratch } from "../support/scratch.ts";
import { type Answer, ask, type Ask } from "./client.ts";
import { describeWithEngines } from "./engines.ts";
import { type GatewayProject, gatewayProject, type RunningGateway, startGateway } from "./gateways.ts";

const OURS = ["x-forwarded-client-cert", "x-client-subject", "x-client-serial"];
/** Engines write their logs and notice changes in their own time. */
const PATIENCE = { timeout: 60_000, interval: 50 };
const FORGED = "CN=admin,OU=carrier_dispatch";

describeWithEngines(["nginx", "envoy", "haproxy", "opa"], "scaffolded gateway", (engines) => {
  describe.each(["nginx", "envoy", "haproxy"] as const)("%s", (kind) => {
    let directory: string;
    let project: GatewayProject;
    let gateway: RunningGateway;
    let dispatcher: TestLeaf;
    let vehicle: TestLeaf;

    beforeAll(async () => {
      directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
      project = await gatewayProject(directory, {
        // one CA for two trust domains: the gateway must tell them apart
        pki: `    stranger: {usages: [client], allowed_domains: [other.example], allowed_uri_sans: ["spiffe://other.example/**"], application_roles: [carrier_dispatch]}
  name_constraints: false`,
      });
      dispatcher = await project.issue("tms", "tms-connector");
      vehicle = await project.issue("av-1", "fleet-edge");
      gateway = await startGateway(kind, engines, project);
    });

    afterAll(async () => {
      await gateway?.stop();
      rmSync(directory, { recursive: true, force: true });
    });

    beforeEach(() => {
      gateway.seen.length = 0;
    });

    const tender = (options: Partial<Ask> = {}): Promise<Answer> =>
      ask({
        host: gateway.host,
        port: gateway.port,
        ca: project.ca,
        client: dispatcher,
        method: "POST",
        path: "/v1/eu/tenders",
        body: "{}",
        ...options,
      });

    /** The gateway let nothing through, and still lets a valid client through. */
    const expectRefused = async (attempt: Promise<Answer>): Promise<void> => {
      const outcome = await attempt.then(
        ({ status }) => status,
        () => "closed" as const,
      );
      expect([400, 403, 404, 405, 413, 421, 431, 500, 502, "closed"]).toContain(outcome);
      expect(gateway.seen).toEqual([]);
      expect(await tender()).toMatchObject({ status: 200, body: "from the backend" });
      gateway.seen.length = 0;
    };

    describe.each<SecureVersion>(["TLSv1.2", "TLSv1.3"])("on %s", (version) => {
      test("a valid client gets through, and the backend learns who it is", async () => {
        expect(await tender({ version, body: '{"a":1}' })).toEqual({ status: 200, body: "from the backend" });
        expect(gateway.seen).toHaveLength(1);
        const [{ method, url, headers, body } = { headers: {} as Record<string, string> }] = gateway.seen;
        expect({ method, url, body }).toEqual({ method: "POST", url: "/v1/eu/tenders", body: '{"a":1}' });
        const certificate = new X509Certificate(dispatcher.cert);
        expect(headers["x-client-subject"]).toBe("CN=tms,OU=carrier_dispatch,O=peers");
        expect(headers["x-client-serial"]).toBe(certificate.serialNumber);
        const [, pem = ""] = /Cert="([^"]*)"/.exec(String(headers["x-forwarded-client-cert"])) ?? [];
        expect(new X509Certificate(decodeURIComponent(pem)).fingerprint256).toBe(certificate.fingerprint256);
      });

      test("no identity header of a client reaches the backend", async () => {
        const names = [
          ...UNTRUSTED_HEADERS,
          ...OURS,
          "x_client_subject",
          "x-request-id",
          // nginx has no wildcards for headers
          ...(kind === "nginx" ? [] : ["x-ssl-client-anything", "x-client-anything", "ssl-client-anything"]),
        ];
        const headers = Object.fromEntries(names.map((name) => [name, FORGED]));
        expect(await tender({ version, headers })).toMatchObject({ status: 200 });
        expect(gateway.seen).toHaveLength(1);
        expect(JSON.stringify(gateway.seen)).not.toContain(FORGED);
        const origin = {
          "x-forwarded-for": "192.0.2.66",
          "x-forwarded-host": "admin.internal",
          "x-forwarded-proto": "http",
        };
        gateway.seen.length = 0;
        expect(await tender({ version, headers: origin })).toMatchObject({ status: 200 });
        expect(gateway.seen[0]?.headers).toMatchObject({
          "x-forwarded-for": "127.0.0.1",
          "x-forwarded-host": "gateway.fleet.internal",
          "x-forwarded-proto": "https",
        });
      });

      test("forged identity headers give a client with another role nothing", async () => {
        const headers = {
          "x-client-subject": FORGED,
          "x-forwarded-client-cert": `Cert="${dispatcherPem()}"`,
        };
        await expectRefused(tender({ version, headers, client: vehicle }));
      });

      test("a client without a certificate is refused", async () => {
        await expectRefused(ask({ ...base(), version }));
      });

      test("forged identity headers are no certificate", async () => {
        const headers = Object.fromEntries(
          [...UNTRUSTED_HEADERS, ...OURS].map((name) => [name, dispatcherPem()]),
        );
        await expectRefused(ask({ ...base(), version, headers }));
      });

      test("a client of another CA is refused", async () => {
        const client = await testLeaf(await testAuthority("Issuing CA"), clientOf("carrier_dispatch"));
        await expectRefused(tender({ version, client }));
      });

      test("a server's certificate is no client's", async () => {
        const client = await project.issue("server-as-client", "gateway");
        await expectRefused(tender({ version, client }));
      });

      test("a client of another trust domain is refused, though its CA is ours", async () => {
        const name = `stranger-${version}`.toLowerCase().replace(".", "-");
        const client = await project.issue(name, "stranger", "--san", `uri:spiffe://other.example/${name}`);
        await expectRefused(tender({ version, client }));
      });

      test.each(["other.example", "tms.gateway.fleet.internal", ""])(
        "the unknown name %j gets no handshake",
        async (serverName) => {
          const attempt = handshake({ version, serverName });
          await expect(attempt).rejects.toThrow();
          expect(await tender({ version })).toMatchObject({ status: 200 });
        },
      );

      test("another Host than the name in the handshake gets nothing", async () => {
        await expectRefused(tender({ version, headers: { host: "other.example" } }));
      });

      test("no session is resumed", async () => {
        const first = await handshake({ version, exchange: true });
        const again = await handshake({
          version,
          ...(first.session === undefined ? {} : { session: first.session }),
        });
        expect(again.reused).toBe(false);
      });
    });

    // the HAProxy template speaks HTTP/1.1 only
    if (kind !== "haproxy") {
      test("HTTP/2 is served, under the name of the handshake alone", async () => {
        const session = connectHttp2(`https://gateway.fleet.internal:${gateway.port}`, {
          ...dispatcher,
          ca: project.ca,
          lookup: (_name, options, callback) =>
            options.all === true
              ? callback(null, [{ address: gateway.host, family: 4 }])
              : callback(null, gateway.host, 4),
        });
        const status = async (authority: string): Promise<unknown> => {
          const stream = session.request({
            ":path": "/healthz",
            ":authority": authority,
            "x-client-subject": FORGED,
          });
          const [headers] = (await once(stream, "response").catch((error: unknown) => [
            { ":status": error },
          ])) as [Record<string, unknown>];
          stream.close();
          return headers[":status"];
        };
        try {
          expect(await status("gateway.fleet.internal")).toBe(200);
          expect(gateway.seen).toHaveLength(1);
          expect(JSON.stringify(gateway.seen)).not.toContain(FORGED);
          expect(await status("other.example")).not.toBe(200);
          expect(gateway.seen).toHaveLength(1);
        } finally {
          session.destroy();
        }
      });
    }

    test.each<SecureVersion>(["TLSv1", "TLSv1.1"])("%s is refused", async (version) => {
      await expect(handshake({ version })).rejects.toThrow();
      await expect(handshake({ version: "TLSv1.2" })).resolves.toMatchObject({ reused: false });
    });

    test("the identity reaches OPA, its denial is a 403, and its reason is on record", async () => {
      expect(await tender({ client: vehicle })).toMatchObject({ status: 403 });
      expect(gateway.seen).toEqual([]);
      const identity = {
        subject: "CN=av-1,OU=vehicle_agent,O=peers",
        serial: new X509Certificate(vehicle.cert).serialNumber,
      };
      const denied = await eventually(() =>
        gateway
          .events()
          .find((event) => event["decision"] === "deny" && matches(event["identity"], identity)),
      );
      expect(denied).toMatchObject({
        event_type: "authorization",
        policy_id: "fleet.gateway",
        method: "POST",
        path: "/v1/eu/tenders",
      });
      const record = await eventually(() =>
        gateway
          .decisions()
          .find(
            ({ input, result }) =>
              matches(input, { request_id: denied["request_id"] }) && result !== undefined,
          ),
      );
      expect(record["input"]).toMatchObject({ identity: { ...identity, roles: ["vehicle_agent"] } });
      expect(JSON.stringify(record["result"])).toContain('"reason":"verb"');
      expect(JSON.stringify(gateway.decisions())).not.toContain("CERTIFICATE");
    });

    test("a vehicle acts for itself alone", async () => {
      const path = (id: string) => `/v1/eu/vehicles/${id}/telemetry`;
      expect(await tender({ client: vehicle, path: path("av-1") })).toMatchObject({ status: 200 });
      expect(await tender({ client: vehicle, path: path("av-2") })).toMatchObject({ status: 403 });
    });

    test.each([
      "//v1/eu/tenders",
      "/v1//eu/tenders",
      "/v1/./eu/tenders/",
      "/v1/eu/tenders;a=b",
      "/v1/eu%2ftenders",
      "/v1/eu/%2e%2e/eu/admin",
      "/v1/eu/..%2f..%2fadmin",
      "/v1/eu/tenders%00",
      "/v1/eu%5ctenders",
      "/V1/eu/tenders",
      "/v1/eu/tenders/",
      "/admin",
      "/-/authorize",
      "https://gateway.fleet.internal/admin",
      "/v0/data/fleet/nginx/allow",
    ])("the path %s leads nowhere", async (path) => {
      await expectRefused(tender({ path }));
    });

    test("what reaches the backend under an allowed verb is a path that the policy saw", async () => {
      const paths = [
        "/v1/eu/../us/tenders",
        "/v1/%65u/tenders",
        "/v1/eu/tenders?/../../admin",
        "/v1/eu/./tenders",
      ];
      for (const path of paths) await tender({ path });
      for (const { url } of gateway.seen) expect(url).toMatch(/^\/v1\/(eu|us)\/tenders(\?.*)?$/);
    });

    test.each(["GET", "DELETE", "PUT", "TRACE", "PROPFIND", "GETX"])(
      "the method %s is not a POST",
      async (method) => {
        await expectRefused(tender({ method, body: "" }));
      },
    );

    test("a method or path cannot rewrite the question to OPA", async () => {
      await expectRefused(tender({ path: '/v1/eu/tenders","cert":"x' }));
      await expectRefused(tender({ path: '/v1/eu/tenders?a=","cert":"', client: vehicle }));
      await expectRefused(
        tender({
          headers: { "x-http-method-override": "GET", "x-original-url": "/healthz" },
          client: vehicle,
        }),
      );
    });

    test("a body and headers have limits", async () => {
      await expectRefused(tender({ body: "x".repeat((1 << 20) + 1) }));
      await expectRefused(tender({ headers: { big: "x".repeat(70_000) } }));
    });

    test("authentication is on record, for successes and failures", async () => {
      const authentications = (result: string) =>
        gateway
          .events()
          .filter((event) => event["event_type"] === "authentication" && event["result"] === result);
      const failuresBefore = authentications("failure").length;
      await tender();
      await ask({ ...base() }).catch(() => undefined);
      const impostor = [
        { type: "OU", value: "carrier_dispatch" },
        { type: "CN", value: "impostor" },
      ] as const;
      const client = await testLeaf(await testAuthority(), {
        ...clientOf("carrier_dispatch"),
        subject: impostor,
      });
      await tender({ client }).catch(() => undefined);
      const subject = "CN=tms,OU=carrier_dispatch,O=peers";
      const success = await eventually(() =>
        authentications("success").find(({ identity }) => matches(identity, { subject })),
      );
      const { sha256 } = success["identity"] as { readonly sha256?: string };
      const { fingerprint256 } = new X509Certificate(dispatcher.cert);
      // nginx and HAProxy have no SHA-256 of it
      const known = kind === "envoy" ? fingerprint256.replaceAll(":", "").toLowerCase() : undefined;
      expect(sha256).toBe(known);
      // one without a certificate, one with a certificate of another CA
      await eventually(() => (authentications("failure").length >= failuresBefore + 2 ? true : undefined));
      expect(JSON.stringify(authentications("success"))).not.toContain("impostor");
      await project.run("logs", "lint", "--in", writeEvents());
      for (const event of gateway.events()) {
        expect(event).toMatchObject({
          timestamp: expect.stringMatching(
            /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
          ) as string,
          service: kind,
          request_id: expect.stringMatching(/^[0-9a-f-]{32,36}$/) as string,
          remote_address: "127.0.0.1",
        });
      }
    });

    test("a suspended identity is denied at once", async () => {
      const suspended = join(directory, "deploy/opa/policy/suspended/data.yaml");
      const { serialNumber } = new X509Certificate(dispatcher.cert);
      const list = (identities: string[]) =>
        writeFileSync(suspended, JSON.stringify({ identities, vehicles: [] }));
      list([serialNumber]);
      await expect.poll(async () => (await tender()).status, PATIENCE).toBe(403);
      list([]);
      await expect.poll(async () => (await tender()).status, PATIENCE).toBe(200);
    });

    test("a revoked certificate is refused after a reload", async () => {
      const client = await project.issue("revoked", "tms-connector");
      expect(await tender({ client })).toMatchObject({ status: 200 });
      await project.run("cert", "revoke", "revoked");
      reload();
      await expect
        .poll(
          () =>
            tender({ client }).then(
              ({ status }) => status,
              () => "closed",
            ),
          PATIENCE,
        )
        .not.toBe(200);
      gateway.seen.length = 0;
      await expectRefused(tender({ client }));
    });

    test("a renewed certificate is served after a reload, without a restart", async () => {
      const { serial } = await handshake({});
      await project.run("cert", "renew", "gateway", "--force");
      reload();
      await expect.poll(async () => (await handshake({})).serial, PATIENCE).not.toBe(serial);
      expect(await tender()).toMatchObject({ status: 200 });
    });

    test("without an answer from OPA nothing gets through", async () => {
      await gateway.opa.stop();
      const outcome = await tender().then(({ status }) => status);
      expect([403, 500]).toContain(outcome);
      expect(gateway.seen).toEqual([]);
    });

    /** The events so far as a file, in the way of an audit log. */
    const writeEvents = (): string => {
      const path = join(directory, "events.jsonl");
      writeFileSync(
        path,
        gateway
          .events()
          .map((event) => `${JSON.stringify(event)}\n`)
          .join(""),
      );
      return path;
    };

    /** Envoy notices by itself. */
    const reload = () => {
      if (kind === "nginx") gateway.engine.signal("SIGHUP");
      if (kind === "haproxy") gateway.engine.signal("SIGUSR2");
    };

    const base = (): Ask => ({
      host: gateway.host,
      port: gateway.port,
      ca: project.ca,
      method: "POST",
      path: "/v1/eu/tenders",
      body: "{}",
    });

    const dispatcherPem = () => encodeURIComponent(dispatcher.cert);

    interface Handshake {
      readonly serial: string;
      readonly reused: boolean;
      readonly session: Buffer | undefined;
    }

    /** A handshake with the valid client; with `exchange`, a request too, so that tickets have come. */
    async function handshake(options: {
      readonly version?: SecureVersion;
      readonly serverName?: string;
      readonly session?: Buffer;
      readonly exchange?: boolean;
    }): Promise<Handshake> {
      const { version, serverName = "gateway.fleet.internal", session } = options;
      const socket: TLSSocket = connect({
        host: gateway.host,
        port: gateway.port,
        ca: project.ca,
        ...dispatcher,
        servername: serverName,
        checkServerIdentity: () => undefined,
        ...(session === undefined ? {} : { session }),
        ...(version === undefined ? {} : { minVersion: version, maxVersion: version }),
        // TLS 1.0 and 1.1 are beyond OpenSSL's default level
        ...(version === "TLSv1" || version === "TLSv1.1" ? { ciphers: "DEFAULT@SECLEVEL=0" } : {}),
      });
      let seen: Buffer | undefined;
      socket.on("session", (one) => (seen = one));
      try {
        await once(socket, "secureConnect");
        if (options.exchange === true) {
          socket.write("GET /healthz HTTP/1.1\r\nHost: gateway.fleet.internal\r\n\r\n");
          await once(socket, "data");
        }
        const serial = socket.getPeerX509Certificate()?.serialNumber ?? "";
        return { serial, reused: socket.isSessionReused(), session: seen };
      } finally {
        socket.destroy();
      }
    }
  });
});

describeWithEngines(
  ["nginx", "envoy", "haproxy", "opa"],
  "scaffolded gateway on IPv6 with an RSA key and two upstreams",
  (engines) => {
    // an RSA key takes its time on a busy machine
    test.each(["nginx", "envoy", "haproxy"] as const)("%s", { timeout: 180_000 }, async (kind) => {
      const project = await gatewayProject(scratch(), {
        host: "::1",
        backends: 2,
        domain: "av.example.com",
        pki: "  key_type: rsa3072",
        gateway: "  server_name: edge-1.av.example.com",
        certificate: [
          "--key-type",
          "rsa3072",
          "--san",
          "dns:edge-1.av.example.com",
          "--san",
          "dns:localhost",
        ],
        rest: `policy:
  matrix:
    - {role: vehicle_agent, verbs: ["telemetry:write"], regions: [us]}`,
      });
      const client = await project.issue("av-1", "fleet-edge");
      const gateway = await startGateway(kind, engines, project);
      try {
        const telemetry = (region: string, serverName: string) =>
          ask({
            host: gateway.host,
            port: gateway.port,
            ca: project.ca,
            client,
            serverName,
            method: "POST",
            path: `/v1/${region}/vehicles/av-1/telemetry`,
          });
        for (const serverName of ["edge-1.av.example.com", "localhost"]) {
          // as many as a round over both upstreams and every worker takes
          for (let i = 0; i < 20; i += 1)
            expect(await telemetry("us", serverName)).toMatchObject({ status: 200 });
          expect(await telemetry("eu", serverName)).toMatchObject({ status: 403 });
        }
        expect(new Set(gateway.seen.map(({ backend }) => backend))).toEqual(new Set(project.backends));
        gateway.seen.length = 0;
        const outcome = await telemetry("us", "gateway.av.example.com").then(
          ({ status }) => status,
          () => "closed",
        );
        // HAProxy goes through with the handshake: the name is in the certificate
        expect(outcome).toBe(kind === "haproxy" ? 421 : "closed");
        expect(gateway.seen).toEqual([]);
      } finally {
        await gateway.stop();
      }
    });
  },
);

function clientOf(role: string) {
  return {
    subject: [
      { type: "OU", value: role },
      { type: "CN", value: "tms" },
    ],
    names: [{ type: "uri", value: "spiffe://fleet.internal/tms-connector/tms" }],
  } as const;
}

function matches(value: unknown, expected: Readonly<Record<string, unknown>>): boolean {
  return Object.entries(expected).every(
    ([key, one]) => (value as Record<string, unknown> | undefined)?.[key] === one,
  );
}

/** Asks again until there is an answer. */
async function eventually<T>(attempt: () => T | undefined | Promise<T | undefined>): Promise<T> {
  const deadline = Date.now() + PATIENCE.timeout;
  for (;;) {
    const answer = await attempt();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error("it did not happen in time");
    await new Promise((resolve) => setTimeout(resolve, PATIENCE.interval));
  }
}
