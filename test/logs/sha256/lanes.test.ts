import { createHash } from "node:crypto";
import * as fc from "fast-check";
import { afterEach, describe, expect, test, vi } from "vitest";
import type * as lanesModule from "../../../src/logs/sha256/lanes.ts";

type Lanes = typeof lanesModule;

/** A thread's lanes as they are before anything is hashed. */
async function freshLanes(): Promise<Lanes> {
  vi.resetModules();
  return import("../../../src/logs/sha256/lanes.ts");
}

afterEach(() => {
  vi.unstubAllGlobals();
});

function sha256(data: Uint8Array): string {
  return createHash("sha256").update(data).digest("hex");
}

/** The digests of messages that are hashed together, whose first byte is their prefix. */
function digestsOf(lanes: Lanes, messages: readonly Buffer[]) {
  const { INPUT, DIGESTS, hashSoon, hashRest } = lanes;
  let at = INPUT;
  for (const [n, message] of messages.entries()) {
    at += message.copy(lanes.memory, at) - 1;
    hashSoon(message[0] as number, at - message.length + 2, at + 1, DIGESTS + 32 * n);
    at += 1;
  }
  hashRest();
  return messages.map((_, n) => lanes.memory.toString("hex", DIGESTS + 32 * n, DIGESTS + 32 * n + 32));
}

/** More than after which the lanes are compiled. */
function compile(lanes: Lanes): void {
  const message = Buffer.from("again");
  for (let n = 0; n < 11; n += 1) digestsOf(lanes, Array<Buffer>(1000).fill(message));
}

const real = Object.fromEntries(
  ["Memory", "Module", "Instance", "validate"].map((name) => [
    name,
    (globalThis as unknown as { WebAssembly: Record<string, unknown> }).WebAssembly[name],
  ]),
);

/** What V8 throws where its 10 GB of addresses are not to be had. */
function NoMemory(): never {
  throw new RangeError("WebAssembly.Memory(): could not allocate memory");
}

const message = fc.oneof(
  fc.uint8Array({ minLength: 1, maxLength: 150 }),
  fc.tuple(fc.integer({ min: 1, max: 759 }), fc.nat(255)).map(([n, byte]) => Buffer.alloc(n, byte)),
);

describe.each(["not yet compiled", "compiled", "without WebAssembly", "without room"])(
  "hashing in lanes, %s",
  (how) => {
    async function lanesFor(): Promise<Lanes> {
      if (how === "without WebAssembly") vi.stubGlobal("WebAssembly", undefined);
      if (how === "without room") vi.stubGlobal("WebAssembly", { ...real, Memory: NoMemory });
      const lanes = await freshLanes();
      if (how !== "not yet compiled") compile(lanes);
      return lanes;
    }

    test("messages of any length and order have their SHA-256", async () => {
      const lanes = await lanesFor();
      fc.assert(
        fc.property(fc.array(message, { maxLength: 60 }), (bytes) => {
          const messages = bytes.map((one) => Buffer.from(one));
          expect(digestsOf(lanes, messages)).toEqual(messages.map(sha256));
        }),
        { numRuns: 60 },
      );
    });

    test("so do as many as there is room for, one byte after the other", async () => {
      const lanes = await lanesFor();
      const messages = Array.from({ length: lanes.MAX_DIGESTS }, (_, n) => Buffer.of(n, n >> 8));
      expect(digestsOf(lanes, messages)).toEqual(messages.map(sha256));
    });

    test("and the longest one, beside the end of the input", async () => {
      const lanes = await lanesFor();
      const { memory, INPUT, INPUT_SIZE, MAX_MESSAGE, DIGESTS } = lanes;
      memory.fill(0xee, INPUT, INPUT + INPUT_SIZE);
      const end = INPUT + INPUT_SIZE;
      lanes.hashSoon(7, end - MAX_MESSAGE + 1, end, DIGESTS);
      lanes.hashRest();
      const expected = Buffer.alloc(MAX_MESSAGE, 0xee);
      expected[0] = 7;
      expect(memory.toString("hex", DIGESTS, DIGESTS + 32)).toBe(sha256(expected));
    });
  },
);

test("the module is compiled once, and only when much is hashed", async () => {
  let [compilations, memories] = [0, 0];
  class Module extends (real["Module"] as new (bytes: Uint8Array) => object) {
    constructor(bytes: Uint8Array) {
      super(bytes);
      compilations += 1;
    }
  }
  class Memory extends (real["Memory"] as new (pages: object) => object) {
    constructor(pages: object) {
      super(pages);
      memories += 1;
    }
  }
  vi.stubGlobal("WebAssembly", { ...real, Memory, Module });
  const lanes = await freshLanes();
  digestsOf(lanes, [Buffer.from("once")]);
  expect([compilations, memories]).toEqual([0, 0]);
  compile(lanes);
  compile(lanes);
  expect([compilations, memories]).toEqual([1, 1]);
});

test("what is in the memory when they are compiled is still there", async () => {
  const lanes = await freshLanes();
  const before = lanes.memory;
  const last = lanes.INPUT + lanes.INPUT_SIZE;
  lanes.memory.fill(0xee, lanes.INPUT + 1, last);
  // more than after which they are compiled, and some of them wait meanwhile
  const lengths = Array.from({ length: 20_001 }, (_, n) => 1 + (n % 700));
  const digests = lengths.map((length, n) => {
    const place = lanes.DIGESTS + 32 * (n % 600);
    lanes.hashSoon(0xee, last - length, last, place);
    if (n % 600 !== 599 && n !== lengths.length - 1) return [];
    lanes.hashRest();
    return Array.from({ length: (n % 600) + 1 }, (_, i) =>
      lanes.memory.toString("hex", lanes.DIGESTS + 32 * i, lanes.DIGESTS + 32 * i + 32),
    );
  });
  expect(lanes.memory).not.toBe(before);
  const expected = Array.from({ length: 701 }, (_, length) => sha256(Buffer.alloc(length + 1, 0xee)));
  expect(digests.flat()).toEqual(lengths.map((length) => expected[length]));
});

test("messages of every length up to the longest, in all four lanes", async () => {
  const lanes = await freshLanes();
  compile(lanes);
  for (let length = 1; length <= lanes.MAX_MESSAGE; length += 1) {
    const messages = [1, 2, 3, 4].map((lane) => Buffer.alloc(length, lane * length));
    expect(digestsOf(lanes, messages)).toEqual(messages.map(sha256));
  }
});
