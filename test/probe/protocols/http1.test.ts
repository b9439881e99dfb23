import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { isInterim, parseResponse } from "../../../src/probe/protocols/http1.ts";

const parse = (text: string, ended = false) => {
  const response = parseResponse(Buffer.from(text, "latin1"), ended);
  return response && { ...response, body: Buffer.from(response.body).toString("latin1") };
};

describe("an HTTP/1 response", () => {
  test.each([
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false, 200, "hi", true],
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi and more", false, 200, "hi", true],
    ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", false, 200, "hi", false],
    ["HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi", true, 200, "hi", true],
    ["HTTP/1.0 403 Forbidden\r\n\r\nno", false, 403, "no", false],
    ["HTTP/1.0 403 Forbidden\r\n\r\nno", true, 403, "no", true],
    ["HTTP/1.1 204\r\nContent-Length: 5\r\n\r\n", false, 204, "", true],
    [
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n3;x=y\r\n yo\r\n0\r\n\r\n",
      false,
      200,
      "hi yo",
      true,
    ],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n", false, 200, "hi", false],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi", false, 200, "", true],
    [
      "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n",
      false,
      404,
      "",
      true,
    ],
    [`${"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(16)}HTTP/1.1 204\r\n\r\n`, false, 204, "", true],
    ["HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nhi", false, 200, "hi", true],
    ["HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", false, 200, "hi", true],
    ["HTTP/1.1 200 OK\nContent-Length: 2\n\r\nhi", false, 200, "hi", true],
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\n\nh\r\n\r\n", false, 200, "h\r", true],
    ["HTTP/1.1 100 Continue\n\nHTTP/1.0 403 Forbidden\n\nno", true, 403, "no", true],
    ["HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n3\n yo\n0\n\n", false, 200, "hi yo", true],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n", false, 200, "hi", false],
  ])("%j", (text, ended, status, body, complete) => {
    expect(parse(text, ended)).toMatchObject({ status, body, complete });
  });

  test.each([
    ["0\r\nGrpc-Status: 7\r\nX: y\r\n\r\n", { "grpc-status": "7", x: "y" }],
    ["2\r\nhi\r\n0\r\nGrpc-Status: 7\r\n\r\n", { "grpc-status": "7" }],
    ["2\nhi\n0\nGrpc-Status: 7\n\n", { "grpc-status": "7" }],
    ["0\r\n\r\n", {}],
    ["0\r\nGrpc-Status: 7\r\n", {}],
  ])("the fields behind the last chunk: %j", (chunks, trailers) => {
    const response = parse(`HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`);
    expect(Object.fromEntries(response?.trailers ?? [])).toEqual(trailers);
  });

  test("the values of repeated fields, each; those of codings are one list", () => {
    const head =
      "HTTP/1.1 403 No\r\nX: one\r\nX: two\r\nContent-Encoding: gzip\r\nContent-Encoding: br\r\nTransfer-Encoding: chunked";
    const response = parse(`${head}\r\n\r\n0\r\nY: three\r\nY: four\r\n\r\n`);
    expect(response?.values).toEqual(["one", "two", "gzip", "br", "chunked", "three", "four"]);
    expect(response?.fields.get("content-encoding")).toBe("gzip, br");
    expect([response?.fields.get("x"), response?.trailers.get("y")]).toEqual(["two", "four"]);
  });

  const interim = "HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n";
  test.each([
    ["", true],
    ["HTTP/1.1 100 Continue\r\n\r\n", true],
    [interim.repeat(16), true],
    [interim.repeat(17), false],
    [`${interim}H`, false],
    [`${interim}HTTP/1.1 204\r\n\r\n`, false],
    ["HTTP/1.1 100 Continue\r\n", false],
    ["HTTP/1.1 101 Switching Protocols\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\n\r\n", false],
    ["100 Continue\r\n\r\n", false],
  ])("%j is nothing but interim: %s", (text, is) => {
    expect(isInterim(Buffer.from(text, "latin1"))).toBe(is);
  });

  test("after 101 comes another protocol", () => {
    const head = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";
    expect(parse(`${head}\x81\x02hi`)).toMatchObject({ status: 101, body: "\x81\x02hi", complete: true });
  });

  test.each([
    ["HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi", false],
    ["HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", true],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", false],
    ["HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\nX: y\r\n\r\n", false],
    ["HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", false],
    ["HTTP/1.1 200 OK\nContent-Length: 2\n\nhi", false],
    ["HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nhi\n0\nX: y\n\n", false],
  ])("%j ends where the next one begins", (text, toHead) => {
    const next = "HTTP/1.1 403 Forbidden\r\n\r\n";
    expect(parseResponse(Buffer.from(text + next), false, toHead)?.end).toBe(text.length);
  });

  test.each([
    "HTTP/1.1 200 OK\r\n\r\nuntil the end",
    "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhi",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nhi",
    "HTTP/1.1 101 Switching Protocols\r\n\r\n",
  ])("%j has no end that a next one could follow", (text) => {
    expect(parse(text, true)).toMatchObject({ end: undefined });
  });

  test.each([
    "",
    "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n",
    "HTTP/1.1 200 OK\nContent-Length: 2\n",
    "HTTP/1.1 200 OK\r\r",
    "SSH-2.0-OpenSSH_9.2\r\n\r\n",
    "SSH-2.0-OpenSSH_9.2\n\n",
    "HTTP/2 200\r\n\r\n",
    "HTTP/1.1 999 No\r\n\r\n",
    "HTTP/1.1 2000 No\r\n\r\n",
    "\u0015\u0003\u0001\u0000\u0002\u0002F",
    `HTTP/1.1 200 OK\r\nX: ${"x".repeat(20_000)}\r\n\r\n`,
    `HTTP/1.1 200 OK\nX: ${"x".repeat(20_000)}\n\n`,
    `${"HTTP/1.1 100 Continue\r\n\r\n".repeat(17)}HTTP/1.1 200 OK\r\n\r\n`,
  ])("%j is none", (text) => {
    expect(parse(text, true)).toBeUndefined();
  });

  test("the body comes back as it was sent, in chunks or in one", () => {
    const chunks = fc.array(fc.uint8Array({ minLength: 1, maxLength: 50 }), { maxLength: 5 });
    fc.assert(
      fc.property(chunks, (parts) => {
        const body = Buffer.concat(parts);
        const coded = Buffer.concat([
          ...parts.flatMap((part) => [
            Buffer.from(`${part.length.toString(16)}\r\n`),
            part,
            Buffer.from("\r\n"),
          ]),
          Buffer.from("0\r\n\r\n"),
        ]);
        const chunked = Buffer.concat([
          Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
          coded,
        ]);
        const whole = Buffer.concat([
          Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n`),
          body,
        ]);
        for (const bytes of [chunked, whole]) {
          const response = parseResponse(bytes, false);
          expect(Buffer.from(response?.body ?? [])).toEqual(body);
          expect(response?.complete).toBe(true);
        }
      }),
    );
  });

  test("never throws, and what is complete stays complete", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), fc.boolean(), (tail, ended) => {
        const bytes = Buffer.concat([
          Buffer.from("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"),
          tail,
        ]);
        const response = parseResponse(bytes, ended);
        expect(response?.status).toBe(200);
        const whole = parseResponse(bytes, true);
        expect(response?.complete === true ? response : whole).toEqual(whole);
        parseResponse(tail, ended);
      }),
    );
  });
});
