import { hash } from "node:crypto";
import { FREE_FROM, type HashFour, sha256Module } from "./module.ts";

/**
 * Hashes many short messages, four at a time. A thread has one memory for all of them, as hashing
 * never waits in between: whoever hashes puts its input there and takes the digests away at once.
 */

/** Bytes of input at most, and digests. */
export const INPUT_SIZE = 1 << 16;
export const MAX_DIGESTS = 2048;
const DIGEST = 32;
const BLOCK = 64;

/** Longer messages are hashed faster one by one, by the processor's own instructions for SHA-256. */
const MAX_BLOCKS = 12;
/** What a message may have, with its prefix: there follow a byte 80 and eight of its length. */
export const MAX_MESSAGE = MAX_BLOCKS * BLOCK - 9;

/** Where messages of each number of blocks are gathered, four of them. */
const GATHERED = Array.from({ length: MAX_BLOCKS + 1 }, (_, blocks) => {
  const before = (4 * BLOCK * blocks * (blocks - 1)) / 2;
  return FREE_FROM + Math.max(0, before);
});
/** Nobody reads it: the digest of a lane that has no message. */
const NOWHERE = FREE_FROM + (4 * BLOCK * MAX_BLOCKS * (MAX_BLOCKS + 1)) / 2;
/** Addresses: where digests of input go, the level of a tree that is worked out, and the input. */
export const DIGESTS = NOWHERE + DIGEST;
export const LEVEL = DIGESTS + MAX_DIGESTS * DIGEST;
/** At a multiple of eight, like all of them; there is room for input that begins up to seven bytes later. */
export const INPUT = LEVEL + MAX_DIGESTS * DIGEST + 8;
const PAGE = 1 << 16;
const PAGES = Math.ceil((INPUT + INPUT_SIZE + 7) / PAGE);

/** What is used of WebAssembly; TypeScript has its types among those of browsers. */
interface WebAssemblyApi {
  readonly Memory: new (pages: { readonly initial: number }) => { readonly buffer: ArrayBuffer };
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (
    module: object,
    imports: { readonly its: object },
  ) => { readonly exports: { readonly four: HashFour } };
  validate(bytes: Uint8Array): boolean;
}

// node --jitless has none
const { WebAssembly } = globalThis as { readonly WebAssembly?: WebAssemblyApi };
let bytes = new Uint8Array(PAGES * PAGE);
/** Another one, with the same in it, from when the lanes are compiled: do not keep it over a call of `hashSoon`. */
export let memory: Buffer = Buffer.from(bytes.buffer);

/** How many messages of each number of blocks are gathered, and where the digest of each goes. */
const counts = new Uint8Array(MAX_BLOCKS + 1);
const places = new Int32Array(4 * (MAX_BLOCKS + 1)).fill(NOWHERE);

/** Messages after which it is worth while to compile: that takes as long as hashing ten thousand. */
let untilCompiled = 10_000;
let four: HashFour = oneByOne;

/**
 * Hashes a message by and by: its digest is there after `hashRest`, or before.
 * @param prefix its first byte; the others are those of the memory from `from` to before `to`, together `MAX_MESSAGE` at most
 * @param place an address
 */
export function hashSoon(prefix: number, from: number, to: number, place: number): void {
  const length = 1 + to - from;
  const blocks = (length + BLOCK + 8) >>> 6;
  const count = counts[blocks] as number;
  const start = (GATHERED[blocks] as number) + count * BLOCK * blocks;
  const end = start + BLOCK * blocks;
  bytes[start] = prefix;
  bytes.copyWithin(start + 1, from, to);
  bytes[start + length] = 0x80;
  bytes.fill(0, start + length + 1, end - 2);
  // its length in bits
  bytes[end - 2] = length >>> 5;
  bytes[end - 1] = length << 3;
  places[4 * blocks + count] = place;
  counts[blocks] = count + 1;
  if (count === 3) hashGathered(blocks);
}

/** Hashes what is gathered still. */
export function hashRest(): void {
  for (let blocks = 1; blocks <= MAX_BLOCKS; blocks += 1) {
    if (counts[blocks] !== 0) hashGathered(blocks);
  }
}

function hashGathered(blocks: number): void {
  const count = counts[blocks] as number;
  const at = 4 * blocks;
  if (count < 4) places.fill(NOWHERE, at + count, at + 4);
  if (untilCompiled > 0) {
    untilCompiled -= count;
    if (untilCompiled <= 0) four = compiled() ?? oneByOne;
  }
  const [a, b, c, d] = [places[at], places[at + 1], places[at + 2], places[at + 3]];
  four(GATHERED[blocks] as number, blocks, a as number, b as number, c as number, d as number);
  counts[blocks] = 0;
}

/** Moves into a memory of WebAssembly. Undefined where there is none, or none with vectors, or no room for it. */
function compiled(): HashFour | undefined {
  const code = sha256Module();
  if (WebAssembly?.validate(code) !== true) return undefined;
  const own = memoryOf(WebAssembly);
  if (own === undefined) return undefined;
  const module = new WebAssembly.Module(code);
  const moved = new Uint8Array(own.buffer);
  moved.set(bytes);
  bytes = moved;
  memory = Buffer.from(own.buffer);
  // it writes its constants in front, where nothing of ours is
  return new WebAssembly.Instance(module, { its: { memory: own } }).exports.four;
}

/** V8 reserves 10 GB of addresses for the smallest one, which a limit of `ulimit -v` may not allow. */
function memoryOf({ Memory }: WebAssemblyApi): { readonly buffer: ArrayBuffer } | undefined {
  try {
    return new Memory({ initial: PAGES });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
}

/** The same without WebAssembly. */
function oneByOne(start: number, blocks: number, ...to: readonly number[]): void {
  for (const [lane, place] of to.entries()) {
    if (place === NOWHERE) continue;
    const at = start + lane * BLOCK * blocks;
    const length = memory.readUInt16BE(at + BLOCK * blocks - 2) / 8;
    memory.write(hash("sha256", memory.subarray(at, at + length), "binary"), place, "latin1");
  }
}
