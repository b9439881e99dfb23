import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { Flag, frame, FrameType } from "../../../../src/probe/protocols/http2/frames.ts";
import { encodeFields, type Field } from "../../../../src/probe/protocols/http2/hpack.ts";
import { responseReader } from "../../../../src/probe/protocols/http2/response.ts";

const settings = frame(FrameType.settings, 0, 0);
const headers = (fields: Field[], flags: number = Flag.endHeaders, stream = 1) =>
  frame(FrameType.headers, flags, stream, encodeFields(fields));
const data = (text: string, flags = 0) => frame(FrameType.data, flags, 1, Buffer.from(text));
const goAway = (code: number) => frame(FrameType.goAway, 0, 0, Buffer.of(0, 0, 0, 1, 0, 0, 0, code));

function read(...parts: Uint8Array[]) {
  const reading = responseReader();
  for (const part of parts) reading.push(part);
  const { response } = reading;
  return { ...response, text: Buffer.from(response.body).toString() };
}

const OK: Field[] = [[":status", "200"]];

describe("an HTTP/2 response", () => {
  test("a header section, data and trailers", () => {
    const response = read(settings, headers(OK), data("he"), data("llo"), headers([["grpc-status", "0"]], 5));
    expect(response).toMatchObject({
      status: 200,
      text: "hello",
      complete: true,
      settings: 1,
      malformed: false,
    });
    expect(response.trailers.get("grpc-status")).toBe("0");
  });

  test("values of repeated fields and trailers, each", () => {
    const fields: Field[] = [
      ...OK,
      ["x-data", "one"],
      ["x-data", "two"],
      ["content-encoding", "gzip"],
      ["content-encoding", "br"],
    ];
    const trailers: Field[] = [
      ["x-end", "three"],
      ["x-end", "four"],
    ];
    const response = read(headers(fields), headers(trailers, 5));
    expect(response.values).toEqual(["200", "one", "two", "gzip", "br", "three", "four"]);
    expect(response.fields.get("content-encoding")).toBe("gzip, br");
    expect([response.fields.get("x-data"), response.trailers.get("x-end")]).toEqual(["two", "four"]);
  });

  test("in pieces of any size it is the same", () => {
    const whole = Buffer.concat([settings, headers(OK), data("he"), data("llo", Flag.endStream)]);
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 20 }), (size) => {
        const pieces = [];
        for (let at = 0; at < whole.length; at += size) pieces.push(whole.subarray(at, at + size));
        expect(read(...pieces)).toEqual(read(whole));
      }),
      { numRuns: 20 },
    );
  });

  test("interim responses are skipped, and padding and priority are no part of it", () => {
    const block = encodeFields(OK);
    const padded = frame(
      FrameType.headers,
      Flag.endHeaders | Flag.padded | Flag.priority,
      1,
      Buffer.concat([Buffer.of(3), Buffer.alloc(5), block, Buffer.alloc(3)]),
    );
    expect(read(headers([[":status", "103"]]), padded)).toMatchObject({ status: 200, malformed: false });
  });

  test("a field block in many parts", () => {
    const block = encodeFields([...OK, ["x", "y".repeat(1000)]]);
    const parts = Array.from(block, (_, i) =>
      frame(
        i === 0 ? FrameType.headers : FrameType.continuation,
        i === block.length - 1 ? 4 : 0,
        1,
        block.subarray(i, i + 1),
      ),
    );
    expect(read(...parts).status).toBe(200);
  });

  test.each([
    ["RST_STREAM HTTP_1_1_REQUIRED", frame(FrameType.resetStream, 0, 1, Buffer.of(0, 0, 0, 13))],
    ["GOAWAY PROTOCOL_ERROR", goAway(1)],
    ["GOAWAY error 99", goAway(99)],
  ])("%s puts an end to it", (how, bytes) => {
    expect(read(settings, bytes)).toMatchObject({ complete: true, ended: { how }, status: undefined });
    expect(read(settings, headers(OK), data("hi", Flag.endStream), bytes).ended).toBeUndefined();
  });

  test("a peer that goes away in peace may still answer", () => {
    expect(read(goAway(0), headers(OK, 5))).toMatchObject({ status: 200, complete: true, ended: undefined });
  });

  test.each([
    ["HTTP/1.1", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["a frame of a megabyte", Buffer.of(0x10, 0, 0, 0, 0, 0, 0, 0, 0)],
    ["a push", frame(FrameType.pushPromise, 4, 1, Buffer.of(0, 0, 0, 2))],
    ["a part of nothing", frame(FrameType.continuation, 4, 1)],
    ["a field block that is interrupted", Buffer.concat([headers(OK, 0), settings])],
    ["a field block of two streams", Buffer.concat([headers(OK, 0), frame(FrameType.continuation, 4, 3)])],
    ["data before the header section", data("x")],
    ["no status", headers([["x", "y"]])],
    ["a status that is none", headers([[":status", "2000"]])],
    ["more padding than payload", frame(FrameType.data, Flag.padded, 1, Buffer.of(200, 1))],
    ["a reset without a code", frame(FrameType.resetStream, 0, 1)],
    ["a last word without a code", frame(FrameType.goAway, 0, 0)],
  ])("%s is malformed", (_what, bytes) => {
    expect(read(bytes)).toMatchObject({ malformed: true, status: undefined });
  });

  test.each([
    ["settings", settings],
    ["pings", frame(FrameType.ping, 0, 0, Buffer.alloc(8))],
    ["resets of other streams", frame(FrameType.resetStream, 0, 3, Buffer.alloc(4))],
    ["empty data", Buffer.from(data(""))],
  ])("a flood of %s is given up", (_what, one) => {
    const flood = Buffer.concat(Array.from({ length: 5000 }, () => one));
    expect(read(headers(OK), flood)).toMatchObject({ malformed: true, status: 200 });
  });

  test("a field block without end is given up", () => {
    const part = frame(FrameType.continuation, 0, 1, Buffer.alloc(16_000));
    expect(read(headers(OK, 0), part, part, part, part, part)).toMatchObject({ malformed: true });
  });

  test("any bytes are read or refused", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
        expect(read(settings, bytes).settings).toBeGreaterThan(0);
      }),
      { numRuns: 200 },
    );
  });
});
