import {
  constants,
  type Http2ServerRequest,
  type Http2ServerResponse,
  type Http2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { attackNamed } from "../../../src/probe/attacks.ts";
import { Flag, frame, FrameType } from "../../../src/probe/protocols/http2/frames.ts";
import { encodeFields } from "../../../src/probe/protocols/http2/hpack.ts";
import {
  FORGED,
  newWorld,
  onBoth,
  probed,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { http2Server, httpsServer, tlsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const lax = () => strict({ rejectUnauthorized: false });
const hello = (_request: Http2ServerRequest, response: Http2ServerResponse) => response.end("hello");
const ESSENTIAL = { attacks: ["no-cert", "self-signed", "wrong-ca"].map(attackNamed) };
const ids = onBoth("no-cert", "self-signed", "wrong-ca");

describe("h2", () => {
  test("a server that demands certificates is enforced", async () => {
    const endpoint = await probed(world, `h2://localhost:${await http2Server(strict(), hello)}/`);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(withOutcome(endpoint, "refused")).toEqual(expect.arrayContaining(onBoth("no-cert", ...FORGED)));
    expect(endpoint.control[0]).toEqual({ tls: "1.3", outcome: "accepted", evidence: "HTTP 200" });
  });

  test("a server that only asks for certificates is bypassed", async () => {
    const endpoint = await probed(world, `h2://localhost:${await http2Server(lax(), hello)}/`, ESSENTIAL);
    expect(withOutcome(endpoint, "accepted")).toEqual(ids);
  });

  test("an application that answers 403 by itself is enforced", async () => {
    const port = await http2Server(lax(), ({ stream }, response) => {
      response.writeHead((stream.session?.socket as TLSSocket | undefined)?.authorized === true ? 200 : 403);
      response.end("x");
    });
    const endpoint = await probed(world, `h2://localhost:${port}/`, ESSENTIAL);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.attacks[0]).toMatchObject({ layer: "http", evidence: "HTTP 403; the control: HTTP 200" });
  });

  test("an application that ends the session in place of an answer is enforced", async () => {
    const port = await tlsServer({ ...lax(), ALPNProtocols: ["h2"] }, (socket) => {
      // the server's own settings come first, to everybody
      socket.write(frame(FrameType.settings, 0, 0));
      if (!socket.authorized) socket.end(frame(FrameType.goAway, 0, 0, Buffer.alloc(8)));
      else socket.once("data", () => socket.write(okResponse("hi")));
    });
    const endpoint = await probed(world, `h2://localhost:${port}/`, ESSENTIAL);
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  describe.each<[string, (session: Http2Session, stream: ServerHttp2Stream) => void]>([
    ["GOAWAY INTERNAL_ERROR", (session) => session.goaway(constants.NGHTTP2_INTERNAL_ERROR)],
    ["RST_STREAM INTERNAL_ERROR", (_session, stream) => stream.close(constants.NGHTTP2_INTERNAL_ERROR)],
  ])("an application that ends in %s", (name, end) => {
    const ending = (isEnded: (authorized: boolean, count: number) => boolean) => {
      let count = 0;
      return http2Server(lax(), ({ stream }, response) => {
        const { session } = stream;
        if (session === undefined) return;
        session.on("error", () => {});
        stream.on("error", () => {});
        const { authorized } = session.socket as TLSSocket;
        if (isEnded(authorized, (count += 1))) end(session, stream);
        else response.end("hello");
      });
    };

    test("for everybody without a certificate is enforced", async () => {
      const port = await ending((authorized) => !authorized);
      const endpoint = await probed(world, `h2://localhost:${port}/`, ESSENTIAL);
      expect([endpoint.reasons, endpoint.verdict]).toEqual([[], "enforced"]);
      expect(endpoint.attacks[0]).toMatchObject({
        layer: "http",
        evidence: `${name}; the control: HTTP 200`,
      });
    });

    test("for some, and serves others, is bypassed", async () => {
      const port = await ending((authorized, count) => !authorized && count % 2 === 0);
      const endpoint = await probed(world, `h2://localhost:${port}/`, ESSENTIAL);
      expect(endpoint.verdict).toBe("bypassed");
    });

    test.each<[string, (authorized: boolean, served: number) => boolean]>([
      ["for everybody", () => true],
      // one on each version of TLS
      ["for valid clients too, after the first two", (authorized, served) => !authorized || served > 2],
    ])("%s establishes nothing", async (_whom, isEnded) => {
      let served = 0;
      const port = await ending((authorized) => isEnded(authorized, (served += authorized ? 1 : 0)));
      const endpoint = await probed(world, `h2://localhost:${port}/`, ESSENTIAL);
      expect(endpoint.verdict).toBe("inconclusive");
      expect(withOutcome(endpoint, "refused")).toEqual([]);
    });
  });

  test("a server that speaks HTTP/1.1 alone cannot be judged", async () => {
    const port = await httpsServer(
      strict({ ALPNProtocols: ["http/1.1"] }),
      (_request, response) => void response.end(),
    );
    const refusing = await probed(world, `h2://localhost:${port}/`, ESSENTIAL);
    expect(refusing.verdict).toBe("inconclusive");
    const silent = await tlsServer(strict(), () => {});
    const endpoint = await probed(world, `h2://localhost:${silent}/`, ESSENTIAL);
    expect(endpoint.control[0]).toMatchObject({
      outcome: "inconclusive",
      evidence: "HTTP/2 was not chosen by ALPN (nothing was)",
    });
  });
});

function okResponse(body: string): Uint8Array {
  return Buffer.concat([
    frame(FrameType.headers, Flag.endHeaders, 1, encodeFields([[":status", "200"]])),
    frame(FrameType.data, Flag.endStream, 1, Buffer.from(body)),
  ]);
}

describe("a hostile server", () => {
  const one = { attacks: [attackNamed("no-cert")] };
  const flooding = (...pieces: Uint8Array[]) =>
    tlsServer({ ...lax(), ALPNProtocols: ["h2"] }, (socket) => {
      const piece = Buffer.concat(pieces.length === 0 ? [Buffer.alloc(9)] : pieces);
      const block = Buffer.concat(Array.from({ length: Math.ceil(65_536 / piece.length) }, () => piece));
      const more = () => {
        while (socket.writable && socket.write(block));
      };
      socket.on("drain", more);
      more();
    });

  test.each([
    ["settings", [frame(FrameType.settings, 0, 0)]],
    ["parts of a field block", [frame(FrameType.continuation, 0, 1, Buffer.alloc(1000))]],
    ["resets", [frame(FrameType.resetStream, 0, 1, Buffer.of(0, 0, 0, 8))]],
    ["pings", [frame(FrameType.ping, 0, 0, Buffer.alloc(8))]],
    ["header sections", [frame(FrameType.headers, 4, 1, encodeFields([[":status", "100"]]))]],
    ["zeros", []],
  ])("that floods with %s establishes nothing", async (_what, pieces) => {
    const endpoint = await probed(world, `h2://localhost:${await flooding(...pieces)}/`, one);
    expect(endpoint.verdict).toBe("inconclusive");
  });

  test("with header fields that stand for megabytes establishes nothing", async () => {
    const large = encodeFields([["x", "y".repeat(3000)]]);
    large[0] = 0x40;
    const bomb = frame(FrameType.headers, 4, 1, Buffer.concat([large, Buffer.alloc(10_000, 0xbe)]));
    const port = await tlsServer({ ...lax(), ALPNProtocols: ["h2"] }, (socket) => void socket.write(bomb));
    expect((await probed(world, `h2://localhost:${port}/`, { ...one, timeout: 1000 })).verdict).toBe(
      "inconclusive",
    );
  });
});
