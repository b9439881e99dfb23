import { once } from "node:events";
import { request as httpRequest, type IncomingMessage } from "node:http";
import { connect } from "node:net";
import { describe, expect, onTestFinished, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { MAX_REQUEST } from "../../../src/pki/ocsp/request.ts";
import type { OcspAnswer } from "../../../src/pki/ocsp/responder.ts";
import { startOcspServer } from "../../../src/pki/ocsp/server.ts";

const cache = { producedAt: Date.UTC(2026, 5, 1), nextUpdate: Date.UTC(2026, 5, 1, 0, 10) };
const TYPE = { "content-type": "application/ocsp-request" };

interface Reply {
  readonly status: number | undefined;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** A server whose responder gives back in hexadecimal what it is asked. */
async function serving(answer: Partial<OcspAnswer> = { cache }, path = "/") {
  const asked: string[] = [];
  const server = await startOcspServer(
    { host: "127.0.0.1", port: 0, path },
    {
      async respond(der) {
        asked.push(Buffer.from(der).toString("hex"));
        return { der: Buffer.from("answer"), cache: undefined, ...answer };
      },
    },
  );
  onTestFinished(() => server.close());
  const send = async (options: { method?: string; path?: string; headers?: object }, body?: Uint8Array) => {
    const outgoing = httpRequest({ host: "127.0.0.1", port: server.port, ...options } as object);
    outgoing.end(body);
    const [response] = (await once(outgoing, "response")) as [IncomingMessage];
    let text = "";
    for await (const part of response) text += String(part);
    return { status: response.statusCode, headers: response.headers, body: text } satisfies Reply;
  };
  return { server, asked, send };
}

describe("OCSP over HTTP", () => {
  test("answers a POST, which no cache keeps", async () => {
    const { asked, send } = await serving();
    const reply = await send({ method: "POST", headers: TYPE }, Buffer.from("30820102", "hex"));
    expect(asked).toEqual(["30820102"]);
    expect(reply).toMatchObject({
      status: 200,
      body: "answer",
      headers: { "content-type": "application/ocsp-response", "cache-control": "no-store" },
    });
  });

  test("takes the media type with parameters and in any case, and a GET with the slash that clients add", async () => {
    const { asked, send } = await serving();
    for (const type of ["application/ocsp-request; charset=binary", "Application/OCSP-Request"]) {
      const reply = await send(
        { method: "POST", headers: { "content-type": type } },
        Buffer.from("3082", "hex"),
      );
      expect(reply.status).toBe(200);
    }
    const below = await serving({ cache }, "/ocsp/");
    for (const [{ send: get }, path] of [
      [{ send }, "//MII="],
      [below, "/ocsp//MII="],
      [below, "/ocsp/MII="],
    ] as const)
      expect((await get({ path })).status).toBe(200);
    expect([asked, below.asked]).toEqual([
      ["3082", "3082", "3082"],
      ["3082", "3082"],
    ]);
  });

  test("answers a GET with what caches need to know", async () => {
    const { asked, send } = await serving();
    // both kinds of characters that base64 and URLs disagree on
    const request = Buffer.from("fbefbefffffe30", "hex");
    const base64 = request.toString("base64");
    expect(base64).toMatch(/\+.*\/.*=/);
    const reply = await send({ path: `/${encodeURIComponent(base64)}` });
    await send({ path: `/${base64}` });
    expect(asked).toEqual([request.toString("hex"), request.toString("hex")]);
    expect(reply).toMatchObject({
      status: 200,
      headers: {
        "cache-control": "max-age=600, public, no-transform, must-revalidate",
        "last-modified": "Mon, 01 Jun 2026 00:00:00 GMT",
        expires: "Mon, 01 Jun 2026 00:10:00 GMT",
        etag: expect.stringMatching(/^"[0-9a-f]{64}"$/),
      },
    });
  });

  test("lets caches keep nothing that must not be kept", async () => {
    const { send } = await serving({ cache: undefined });
    const { headers } = await send({ path: "/MAA=" });
    expect(headers).toMatchObject({ "cache-control": "no-store" });
    expect(headers).not.toHaveProperty("etag");
  });

  test("finds the request below the path of the URL in certificates, and at the top behind a proxy", async () => {
    const { asked, send } = await serving({}, "/ocsp/");
    for (const path of ["/ocsp/MAA=", "/MAA="]) await send({ path });
    expect(asked).toEqual(["3000", "3000"]);
  });

  test.each(["/", "/MAA", "/M%41A%3D%", "/%ff", "/..", "/MAA=?x", "//"])(
    "GET %s is no request",
    async (path) => {
      const { asked, send } = await serving();
      expect(await send({ path })).toMatchObject({ status: 200 });
      expect(asked).toEqual([""]);
    },
  );

  test.each([
    [{ method: "POST" }, 415],
    [{ method: "POST", headers: { "content-type": "text/html" } }, 415],
    [{ method: "PUT", headers: TYPE }, 405],
    [{ method: "HEAD" }, 405],
  ])("%j is refused with %i", async (options, status) => {
    const { asked, send } = await serving();
    expect(await send(options)).toMatchObject({ status });
    expect(asked).toEqual([]);
  });

  test("reads no more of a body than a request can have", async () => {
    const { asked, send } = await serving();
    expect(await send({ method: "POST", headers: TYPE }, new Uint8Array(MAX_REQUEST + 1))).toMatchObject({
      status: 413,
    });
    expect(await send({ method: "POST", headers: TYPE }, new Uint8Array(MAX_REQUEST))).toMatchObject({
      status: 200,
    });
    expect(asked).toHaveLength(1);
  });

  test("a client that goes away in the middle of a body leaves it serving", async () => {
    const { server, asked, send } = await serving();
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write(
      "POST / HTTP/1.1\r\nhost: x\r\ncontent-type: application/ocsp-request\r\ncontent-length: 9\r\n\r\n30",
    );
    socket.destroy();
    await once(socket, "close");
    expect(await send({ path: "/MAA=" })).toMatchObject({ status: 200 });
    expect(asked).toEqual(["3000"]);
  });

  test("an address that is taken is an error with a way out", async () => {
    const { server } = await serving();
    const again = startOcspServer(
      { host: "127.0.0.1", port: server.port, path: "/" },
      { respond: () => Promise.reject(new Error("not asked")) },
    );
    await expect(again).rejects.toThrow(FleetsecError);
    await expect(again).rejects.toMatchObject({ code: "input" });
  });
});
