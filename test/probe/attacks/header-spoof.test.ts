import { X509Certificate } from "node:crypto";
import type { IncomingHttpHeaders, RequestListener } from "node:http";
import { beforeAll, describe, expect, test } from "vitest";
import {
  evidenceOf,
  newWorld,
  on13,
  probed,
  selected,
  openServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";
import { authorized, deny, isAuthorized, serve } from "../support/services.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const attacks = selected("no-cert", "header-spoof");

describe.concurrent("header-spoof", () => {
  test.each([
    ["x-forwarded-client-cert", "URI=spiffe:", "X-Forwarded-Client-Cert"],
    ["x-ssl-client-verify", "SUCCESS", "X-SSL-Client-*"],
    ["x-ssl-client-s-dn", "CN=client", "X-SSL-Client-*"],
    ["x-ssl-client-verify", "0", "X-SSL-Client-* of HAProxy"],
    ["ssl-client-verify", "SUCCESS", "SSL-Client-*"],
    ["x-client-cert", "BEGIN%20CERTIFICATE", "X-Client-Cert"],
    ["x-client-cert-chain-verified", "true", "X-Client-Cert"],
    ["client-cert", ":MI", "Client-Cert"],
    ["x-forwarded-tls-client-cert", "MI", "X-Forwarded-Tls-Client-Cert"],
    ["x-amzn-mtls-clientcert-subject", "CN=client", "X-Amzn-Mtls-Clientcert"],
    ["x-arr-clientcert", "MI", "X-ARR-ClientCert"],
    ["x-forwarded-for", "127.0.0.1", "X-Forwarded-For: "],
    ["x-real-ip", "127.0.0.1", "X-Forwarded-For: "],
    ["forwarded", "for=127.0.0.1", "X-Forwarded-For: "],
    ["x-forwarded-client-cert", "DNS=client.fleet.internal", "X-Forwarded-Client-Cert"],
    ["x-ssl-client-dn", "/CN=client", "X-SSL-Client-* of HAProxy"],
    ["x-ssl-client-s-dn", "/CN=client", "X-SSL-Client-* of HAProxy"],
    ["x-ssl-client-cn", '"client"', "X-SSL-Client-* of HAProxy, quoted"],
    ["x-ssl-cert", "BEGIN%20CERTIFICATE", "X-SSL-Cert"],
    ["client-cert-chain", ":MI", "Client-Cert"],
    ["cf-client-cert-verified", "true", "Cf-Client-Cert-*"],
    ["x-forwarded-for", "10.0.0.1", "X-Forwarded-For: "],
    ["x-forwarded-for", "192.168.0.1", "X-Forwarded-For: "],
    ["true-client-ip", "::1", "X-Forwarded-For: "],
    ["forwarded", 'for="[::1]"', "X-Forwarded-For: "],
    ["x-forwarded-proto", "https", "X-Forwarded-For: "],
    ["forwarded", "proto=http,", "X-Forwarded-For: 10.0.0.1, 127.0.0.1"],
    ["user-agent", "kube-probe/", "User-Agent"],
    ["user-agent", "ELB-HealthChecker/", "User-Agent"],
    ["referer", "https://localhost:", "Referer, Origin"],
    ["origin", "https://localhost:", "Referer, Origin"],
    ["authorization", "Bearer eyJ", "Authorization: Bearer"],
    ["authorization", "Basic ", "Authorization: Basic"],
  ])("finds a service that believes %s with %s in it", async (name, part, kind) => {
    const believing: RequestListener = (request, response) => {
      const believed = String(request.headers[name] ?? "").includes(part);
      return isAuthorized(request) || believed ? serve(response) : deny(response);
    };
    const endpoint = await probed(
      world,
      `https://localhost:${await httpsServer(openServer(world), believing)}/`,
      {
        attacks,
      },
    );
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("header-spoof"));
    expect(evidenceOf(endpoint, "header-spoof")).toContain(`(${kind}`);
  });

  test.each<[string, string, (certificate: X509Certificate) => string]>([
    ["x-ssl-client-fingerprint", "nginx", ({ fingerprint }) => fingerprint.replaceAll(":", "").toLowerCase()],
    ["x-ssl-client-sha1", "HAProxy", ({ fingerprint }) => fingerprint.replaceAll(":", "")],
    ["x-ssl-client-serial", "both", ({ serialNumber }) => serialNumber],
    [
      "x-forwarded-client-cert",
      "Envoy",
      ({ fingerprint256 }) => `;Hash=${fingerprint256.replaceAll(":", "").toLowerCase()};`,
    ],
  ])("%s holds what %s computes of the client's certificate", async (name, _gateway, compute) => {
    const part = compute(new X509Certificate(world.client.pem));
    const port = await httpsServer(openServer(world), (request, response) =>
      isAuthorized(request) || String(request.headers[name] ?? "").includes(part)
        ? serve(response)
        : deny(response),
    );
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(on13("header-spoof"));
  });

  test.each<[string, (fields: IncomingHttpHeaders) => boolean]>([
    ["takes some field from nobody", (fields) => fields["x-ssl-cert"] !== undefined],
    ["has little room for them", (fields) => JSON.stringify(fields).length > 3000],
  ])("is not put off by a gateway that %s", async (_how, refuses) => {
    const gateway = (isLax: boolean) =>
      httpsServer(openServer(world), (request, response) => {
        if (refuses(request.headers)) return void response.writeHead(400).end("not such a head");
        const isBelieved = isLax && request.headers["x-client-verify"] === "SUCCESS";
        return isAuthorized(request) || isBelieved ? serve(response) : deny(response);
      });
    const lax = await probed(world, `https://localhost:${await gateway(true)}/`, { attacks });
    expect(withOutcome(lax, "accepted")).toEqual(on13("header-spoof"));
    expect(evidenceOf(lax, "header-spoof")).toContain("(X-Client-Cert)");
    const strict = await probed(world, `https://localhost:${await gateway(false)}/`, { attacks });
    expect([strict.verdict, strict.reasons]).toEqual(["enforced", []]);
  });

  test("takes a service that checks the token, and turns down what is made up, for what it is", async () => {
    const port = await httpsServer(openServer(world), (request, response) => {
      if (isAuthorized(request) || request.headers.authorization === "Bearer the right one")
        return serve(response);
      response.writeHead(request.headers.authorization === undefined ? 403 : 401).end("no");
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test("asks with no more than 8 KiB of fields, which is all that many services take", async () => {
    const sizes: number[] = [];
    const port = await httpsServer(openServer(world), (request, response) => {
      sizes.push(request.rawHeaders.join(": \r\n").length);
      return authorized(request, response);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(endpoint.verdict).toBe("enforced");
    expect(Math.max(...sizes)).toBeGreaterThan(1000);
    expect(Math.max(...sizes)).toBeLessThan(8000);
  });
});
