import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { atPort, hostPort, parseTarget, type Target } from "../../src/probe/target.ts";

/** A usage error is an answer; anything else that is thrown is not. */
function attempt(text: string): Target | undefined {
  try {
    return parseTarget(text);
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "usage") return undefined;
    throw error;
  }
}

describe("a target", () => {
  test.each([
    ["https://gateway.example:8443/a/b?c=%20", "https", "gateway.example", 8443, "/a/b?c=%20"],
    ["https://gateway.example", "https", "gateway.example", 443, "/"],
    ["https://gateway.example?x=1", "https", "gateway.example", 443, "/?x=1"],
    ["HTTPS://Gateway.Example/Path", "https", "gateway.example", 443, "/Path"],
    ["https://[::1]:8443/", "https", "::1", 8443, "/"],
    ["tls://127.0.0.1:8883", "tls", "127.0.0.1", 8883, "/"],
    ["tls://127.0.0.1:65535/", "tls", "127.0.0.1", 65_535, "/"],
    ["h2://gateway.example/a", "h2", "gateway.example", 443, "/a"],
    ["mqtts://broker.example", "mqtts", "broker.example", 8883, "/"],
    [
      "grpcs://api.example:50051/fleet.v1.Tenders/Get",
      "grpcs",
      "api.example",
      50_051,
      "/fleet.v1.Tenders/Get",
    ],
    ["grpcs://api.example:50051", "grpcs", "api.example", 50_051, "/grpc.health.v1.Health/Check"],
  ])("%s", (text, scheme, host, port, path) => {
    expect(parseTarget(text)).toEqual({
      url: text,
      scheme,
      host,
      port,
      path,
      method: "GET",
      fields: [],
      body: undefined,
    });
  });

  test("a method may stand before it", () => {
    const target = parseTarget("HEAD https://gateway.example/a");
    expect(target).toMatchObject({ url: "HEAD https://gateway.example/a", method: "HEAD", path: "/a" });
  });

  test.each([
    ["", "nothing"],
    ["gateway.example:8443", "no scheme"],
    ["http://gateway.example/", "a scheme without TLS"],
    ["ftp://gateway.example/", "an odd scheme"],
    ["https://gateway.example:0/", "port 0"],
    ["https://gateway.example:65536/", "a port beyond 65535"],
    ["https://gateway.example:-1/", "a negative port"],
    ["https://user@gateway.example/", "a user"],
    ["https://user:secret@gateway.example/", "a password"],
    ["https://gateway.example/#top", "a fragment"],
    ["https://gateway.example/a b", "a space"],
    ["https://gateway.example/a\r\nHost: other", "a request of its own"],
    ["https://gateway.example/\u0430", "letters beyond ASCII"],
    ["https://[::zz]/", "what is no address"],
    ["https:///path", "no host"],
    ["tls://gateway.example", "no port"],
    ["tls://gateway.example:1/path", "a path that means nothing"],
    ["BREW https://gateway.example/", "no method"],
    ["get https://gateway.example/", "a method in lower case"],
    ["GET  https://gateway.example/", "two spaces"],
    ["HEAD tls://gateway.example:1", "a method where there is none"],
    ["mqtts://broker.example/topic", "a topic"],
    ["grpcs://api.example/fleet.v1.Tenders/Get", "no port"],
    ["grpcs://api.example:50051/Get", "no service"],
    ["grpcs://api.example:50051/a.B/Get?x=1", "a query"],
  ])("refuses %j: %s", (text) => {
    expect(() => parseTarget(text)).toThrow(expect.objectContaining({ code: "usage" }));
  });

  test.each([
    ["https://user:hunter2@localhost:1/", "https://***@localhost:1/"],
    ["HEAD https://user:hunter2@localhost:1/", "https://***@localhost:1/"],
    ["BREW tls://user:hunter2@localhost:1/", "***@localhost:1/"],
    ["https://user:hunter2/x@y@localhost:1/", "https://***@localhost:1/"],
    ["user:hunter2@localhost:1", "***@localhost:1"],
    ["https:/user:hunter2@localhost:1/", "***@localhost:1/"],
    ["hunter2@https://localhost:1/", "***@https://localhost:1/"],
    ["https://localhost:1/#top", "https://localhost:1/#top"],
  ])("the refusal of %j holds no password", (text, told) => {
    expect(() => parseTarget(text)).toThrow(
      expect.objectContaining({ message: expect.stringMatching(/^(?!.*hunter2)/) as string }),
    );
    expect(() => parseTarget(text)).toThrow(`${told}: `);
  });

  test("whatever is written, it is a target or a usage error, and never a second request line", () => {
    const property = fc.property(fc.oneof(fc.string(), fc.webUrl({ withQueryParameters: true })), (text) => {
      const target = attempt(text);
      return (
        target === undefined ||
        (/^\/[!-~]*$/.test(target.path) && /^[A-Za-z0-9._:[\]-]+:\d+$/.test(hostPort(target)))
      );
    });
    expect(() => fc.assert(property)).not.toThrow();
  });

  test.each([
    ["https://gateway.example:8443/a:1/b", "https://gateway.example:9443/a:1/b"],
    ["https://gateway.example", "https://gateway.example:9443"],
    ["https://gateway.example?x=:1", "https://gateway.example:9443?x=:1"],
    ["HEAD h2://[::1]:8443/", "HEAD h2://[::1]:9443/"],
    ["mqtts://[::1]", "mqtts://[::1]:9443"],
  ])("%s at another port", (text, url) => {
    const target = parseTarget(text);
    expect(atPort(target, 9443)).toEqual({ ...parseTarget(url), siblingOf: text });
  });

  test("an IPv6 address stands in brackets", () => {
    expect(hostPort({ host: "::1", port: 443 })).toBe("[::1]:443");
  });
});
