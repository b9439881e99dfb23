import { gzipSync } from "node:zlib";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { type HttpAnswer, type HttpRequest, httpRequest } from "../../src/platform/http.ts";
import { patient } from "../../src/platform/patient-http.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { serveHttp } from "../support/http-server.ts";

function get(url: string, more: Partial<HttpRequest> = {}): Promise<HttpAnswer> {
  return httpRequest({ method: "GET", url: new URL(url), maxBody: 1000, timeout: 30_000, ...more });
}

describe("send", () => {
  test("sends method, headers and body, and gives status, headers and body", async () => {
    const { url } = await serveHttp((request, response) => {
      let body = "";
      request.on("data", (chunk: Buffer) => (body += chunk.toString()));
      request.on("end", () => {
        response.writeHead(201, { "X-Mine": "one", "Set-Cookie": ["a=1", "b=2"] });
        response.end(`${request.method} ${String(request.headers["x-yours"])} ${body}`);
      });
    });
    const answer = await get(`${url}a`, { method: "PUT", headers: { "x-yours": "two" }, body: "bytes" });
    expect(answer).toMatchObject({ status: 201 });
    expect(answer.headers).toMatchObject({ "x-mine": "one", "set-cookie": "a=1, b=2" });
    expect(answer.body.toString()).toBe("PUT two bytes");
  });

  test("gives a redirect as it is, and follows it nowhere", async () => {
    const { url, requests } = await serveHttp((_request, response) => {
      response.writeHead(302, { location: "/elsewhere" }).end();
    });
    expect(await get(url)).toMatchObject({ status: 302 });
    expect(requests).toEqual(["GET /"]);
  });

  test("reads a body up to the bound and no further, compressed or not", async () => {
    const { url } = await serveHttp((request, response) => {
      if (request.url === "/bomb") {
        response.writeHead(200, { "content-encoding": "gzip" }).end(gzipSync(Buffer.alloc(50_000_000)));
      } else if (request.url === "/endless") {
        const more = () => {
          while (!response.destroyed && response.write(Buffer.alloc(65_536)));
        };
        response.on("drain", more);
        more();
      } else response.end("x".repeat(1000));
    });
    expect(await get(`${url}whole`)).toMatchObject({ body: Buffer.from("x".repeat(1000)) });
    for (const path of ["bomb", "endless"]) {
      expect((await get(url + path, { cutBody: true })).body).toHaveLength(1000);
      await expect(get(url + path)).rejects.toMatchObject({ code: "unreachable" });
    }
  });

  test.each<[string, Parameters<typeof serveHttp>[0]]>([
    ["hangs up before it answers", (request) => void request.socket.destroy()],
    [
      "hangs up within the body",
      (request, response) => {
        response.writeHead(200, { "content-length": 100 });
        response.write("half", () => request.socket.destroy());
      },
    ],
    [
      "hangs up within a compressed body",
      (request, response) => {
        response.writeHead(200, { "content-encoding": "gzip", "content-length": 100 });
        response.write(gzipSync("half").subarray(0, 12), () => request.socket.destroy());
      },
    ],
    [
      "sends what is no gzip as gzip",
      (_request, response) => void response.writeHead(200, { "content-encoding": "gzip" }).end("plain"),
    ],
    [
      "uses an encoding that nobody asked for",
      (_request, response) => void response.writeHead(200, { "content-encoding": "br" }).end("plain"),
    ],
    ["is no HTTP server", (request) => void request.socket.end("220 smtp.example.org ESMTP\r\n")],
    [
      "has endless headers",
      (request) => void request.socket.end(`HTTP/1.1 200 OK\r\nx: ${"y".repeat(100_000)}\r\n\r\n`),
    ],
  ])("is unreachable: a server that %s", async (_what, listener) => {
    const { url } = await serveHttp(listener);
    await expect(get(url)).rejects.toMatchObject({ code: "unreachable" });
  });

  test("is unreachable: nobody listens, or nobody answers in time", async () => {
    await expect(get("http://127.0.0.1:1/")).rejects.toMatchObject({
      code: "unreachable",
      message: "127.0.0.1:1 refuses connections",
    });
    const { url } = await serveHttp((_request, response) => {
      response.writeHead(200).write("a beginning");
    });
    await expect(get(url, { timeout: 50 })).rejects.toMatchObject({
      message: expect.stringContaining("did not answer within 0.05 s"),
    });
  });

  test("is unreachable where the time runs out in a body that lasts until the connection ends", async () => {
    const { url } = await serveHttp((_request, response) => {
      response.shouldKeepAlive = false;
      response.removeHeader("transfer-encoding");
      response.useChunkedEncodingByDefault = false;
      response.writeHead(200, { connection: "close" }).write("begun");
    });
    await expect(get(url, { timeout: 200 })).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("did not answer within 0.2 s"),
    });
  });

  test("ends with the signal's reason", async () => {
    const { url } = await serveHttp(() => {});
    const reason = new FleetsecError("interrupted", "interrupted");
    await expect(get(url, { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const sent = get(url, { signal: controller.signal });
    controller.abort(reason);
    await expect(sent).rejects.toBe(reason);
  });

  test("keeps a connection where it is asked to", async () => {
    const ports = new Set<number | undefined>();
    const { url } = await serveHttp((request, response) => {
      ports.add(request.socket.remotePort);
      response.end("x");
    });
    for (let i = 0; i < 3; i += 1) await get(url, { keepAlive: true });
    expect(ports.size).toBe(1);
    await get(url);
    expect(ports.size).toBe(2);
  });
});

describe("patient", () => {
  /** Attempts that take so many milliseconds each, of 1000 that a request is given. */
  const attemptOf = async (each: number, ...answers: (number | [number, string] | FleetsecError)[]) => {
    let now = 0;
    const pauses: number[] = [];
    let sent = 0;
    const send = patient(
      {
        async request() {
          const next = answers[sent++] ?? 200;
          now += each;
          if (next instanceof FleetsecError) throw next;
          const [status, after] = typeof next === "number" ? [next] : next;
          return { status, headers: { "retry-after": after }, body: Buffer.of() };
        },
      },
      { sleep: async (ms) => void pauses.push(ms), monotonic: () => now },
    );
    const url = new URL("http://127.0.0.1/");
    const request: HttpRequest = { method: "GET", url, maxBody: 1, timeout: 1000 };
    const end = await send(request).then(
      ({ status }) => status,
      (error: FleetsecError) => `${error.code}: ${error.message}`,
    );
    return { end, sent, pauses };
  };
  const attempt = async (...answers: (number | [number, string] | FleetsecError)[]) =>
    attemptOf(0, ...answers);
  const gone = new FleetsecError("unreachable", "gone");

  test("does not ask again once half the time of one attempt is spent", async () => {
    expect(await attemptOf(1000, gone)).toEqual({ end: "unreachable: gone", sent: 1, pauses: [] });
    expect(await attemptOf(300, 503, 503)).toMatchObject({ end: expect.stringContaining("503"), sent: 2 });
    expect(await attemptOf(249, gone, 503)).toMatchObject({ end: 200, sent: 3 });
  });

  test("a server that begins its answer and says no more is waited for once", async () => {
    const { url, requests } = await serveHttp(
      (_request, response) => void response.writeHead(200).write("x"),
    );
    const system = systemPlatform(new AbortController().signal);
    const send = patient(system.network, system.clock);
    const request: HttpRequest = { method: "GET", url: new URL(url), maxBody: 100, timeout: 200 };
    await expect(send(request)).rejects.toMatchObject({
      code: "unreachable",
      message: expect.stringContaining("did not answer within 0.2 s"),
      hint: expect.stringContaining("see whether the service is up"),
    });
    expect(requests).toEqual(["GET /"]);
  });

  test("asks again while the server is busy or cannot be reached, with longer and longer pauses", async () => {
    expect(await attempt(200)).toEqual({ end: 200, sent: 1, pauses: [] });
    const { end, sent, pauses } = await attempt(503, gone, 429);
    expect({ end, sent }).toEqual({ end: 200, sent: 4 });
    for (const [i, pause] of pauses.entries()) {
      expect(pause).toBeGreaterThanOrEqual(125 * 2 ** i);
      expect(pause).toBeLessThanOrEqual(375 * 2 ** i);
    }
  });

  test("waits as long as it is asked to, up to half a minute", async () => {
    const { pauses } = await attempt([429, "7"], [503, "86400"], [503, "soon"]);
    expect(pauses.slice(0, 2)).toEqual([7000, 30_000]);
    expect(pauses[2]).toBeLessThan(2000);
  });

  test("gives up after five attempts", async () => {
    expect(await attempt(...Array<number>(9).fill(500))).toMatchObject({
      end: "unreachable: 127.0.0.1 answers 500 again and again",
      sent: 5,
    });
    expect(await attempt(...Array.from({ length: 9 }, () => gone))).toMatchObject({
      end: "unreachable: gone",
      sent: 5,
    });
  });

  test.each([302, 400, 403, 404, 409, 501])("takes %i for the answer that it is", async (status) => {
    expect(await attempt(status)).toEqual({ end: status, sent: 1, pauses: [] });
  });

  test("passes on what is no fault of the network", async () => {
    expect(await attempt(new FleetsecError("interrupted", "now"))).toMatchObject({
      end: "interrupted: now",
      sent: 1,
    });
  });
});
