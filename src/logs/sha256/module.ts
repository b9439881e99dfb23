import { assembler, END, INT, littleEndian, MAGIC, named, section, sized, VECTOR } from "./wasm.ts";

/**
 * SHA-256 of four messages at once, as a WebAssembly module with vectors of four words: a lane for each
 * message. Of a message of a few hundred bytes most of the time of `crypto.hash` goes into the call, and of
 * a node's 65 bytes nearly all; here one call hashes four.
 */

/**
 * What the module exports as `four`: hashes four padded messages of so many blocks of 64 bytes, which lie
 * one after the other from `start` on, and writes their digests to where the rest says.
 */
export type HashFour = (
  start: number,
  blocks: number,
  to0: number,
  to1: number,
  to2: number,
  to3: number,
) => void;

/** The module's constants lie in front in its memory: what is before this address is taken. */
export const FREE_FROM = 256;

/** The function's locals. */
const [START, BLOCKS, TO] = [0, 1, 2];
/** Where each message's next block is; a cursor in the constants; the length of a message. */
const [FROM, ROUND, LENGTH] = [6, 10, 11];
/** Vectors: the words of the state, of the state before the block, of the block, and some to work with. */
const [STATE, BEFORE, WORD, WORK] = [12, 20, 28, 44];
const [INTS, VECTORS] = [6, 36];

/** The module's bytes. It works in the memory that it imports as `its.memory`, of one page or more. */
export function sha256Module(): Uint8Array<ArrayBuffer> {
  const primes = [...Array(312).keys()].filter(isPrime);
  // FIPS 180-4 sections 4.2.2 and 5.3.3: the first bits of the fractions of their roots
  const constants = primes.map((prime) => fraction(Math.cbrt(prime)));
  const initial = primes.slice(0, 8).map((prime) => fraction(Math.sqrt(prime)));
  const body = hashFour(initial);
  return Uint8Array.from([
    ...MAGIC,
    ...section(1, [1, 0x60, 6, INT, INT, INT, INT, INT, INT, 0]),
    ...section(2, [1, ...named("its"), ...named("memory"), 2, 0, 1]),
    ...section(3, [1, 0]),
    ...section(7, [1, ...named("four"), 0, 0]),
    ...section(10, [1, ...sized([2, INTS, INT, VECTORS, VECTOR, ...body, END])]),
    ...section(11, [1, 0, 0x41, 0, END, ...sized(constants.flatMap(littleEndian))]),
  ]);
}

function isPrime(n: number): boolean {
  return n > 1 && ![2, 3, 5, 7, 11, 13, 17].some((prime) => prime < n && n % prime === 0);
}

function fraction(root: number): number {
  return Math.floor((root % 1) * 2 ** 32);
}

/** The instructions of `four`. */
function hashFour(initial: readonly number[]): number[] {
  const {
    code,
    get,
    set,
    int,
    addInts,
    load,
    loadWord,
    store,
    words,
    shuffle,
    xor,
    select,
    add,
    shiftRight,
    rotate,
  } = assembler();
  const rotations = (local: number, [a, b, c]: readonly [number, number, number]) => {
    rotate(local, a);
    rotate(local, b);
    xor();
    rotate(local, c);
    xor();
  };

  /** Rounds 16n to 16n + 15 (FIPS 180-4 section 6.2.2). The state's words change names, not places. */
  const rounds = () => {
    for (let t = 0; t < 16; t += 1) {
      const at = (name: number) => STATE + ((name - t) & 7);
      const [a, b, c, d, e, f, g, h] = [0, 1, 2, 3, 4, 5, 6, 7].map(at) as Eight;
      get(h);
      get(ROUND);
      loadWord(4 * t);
      add();
      get(WORD + t);
      add();
      rotations(e, [6, 11, 25]);
      add();
      // Ch
      get(f);
      get(g);
      get(e);
      select();
      add();
      set(WORK);
      get(d);
      get(WORK);
      add();
      set(d);
      get(WORK);
      rotations(a, [2, 13, 22]);
      add();
      // Maj: where a and b agree, b, else c
      get(c);
      get(b);
      get(a);
      get(b);
      xor();
      select();
      add();
      set(h);
    }
  };

  /** The next 16 words of the message schedule, in the places of the last. */
  const schedule = () => {
    for (let t = 0; t < 16; t += 1) {
      const word = (n: number) => WORD + ((t + n) & 15);
      get(word(0));
      rotate(word(1), 7);
      rotate(word(1), 18);
      xor();
      shiftRight(word(1), 3);
      xor();
      add();
      get(word(9));
      add();
      rotate(word(14), 17);
      rotate(word(14), 19);
      xor();
      shiftRight(word(14), 10);
      xor();
      add();
      set(word(0));
    }
  };

  /** Of four vectors, rows into columns. */
  const transpose = (first: number) => {
    const pairs: readonly (readonly [number, number, readonly number[], number])[] = [
      [first, first + 1, LOW_WORDS, WORK],
      [first, first + 1, HIGH_WORDS, WORK + 1],
      [first + 2, first + 3, LOW_WORDS, WORK + 2],
      [first + 2, first + 3, HIGH_WORDS, WORK + 3],
      [WORK, WORK + 2, LOW_PAIRS, first],
      [WORK, WORK + 2, HIGH_PAIRS, first + 1],
      [WORK + 1, WORK + 3, LOW_PAIRS, first + 2],
      [WORK + 1, WORK + 3, HIGH_PAIRS, first + 3],
    ];
    for (const [one, other, bytes, to] of pairs) {
      get(one);
      get(other);
      shuffle(bytes);
      set(to);
    }
  };

  const swapBytes = (local: number) => {
    get(local);
    get(local);
    shuffle(SWAPPED);
  };

  const loadBlock = () => {
    for (let quarter = 0; quarter < 4; quarter += 1) {
      const first = WORD + 4 * quarter;
      for (let lane = 0; lane < 4; lane += 1) {
        get(FROM + lane);
        load(16 * quarter);
        set(first + lane);
        swapBytes(first + lane);
        set(first + lane);
      }
      transpose(first);
    }
  };

  /** Of the block whose words are loaded. */
  const compress = () => {
    for (let i = 0; i < 8; i += 1) {
      get(STATE + i);
      set(BEFORE + i);
    }
    int(0);
    set(ROUND);
    code.push(0x03, 0x40);
    rounds();
    get(ROUND);
    int(64);
    addInts();
    set(ROUND);
    // until all 64 words of constants are used, with the next words of the schedule
    get(ROUND);
    int(256);
    code.push(0x47, 0x04, 0x40);
    schedule();
    code.push(0x0c, 1, END, END);
    for (let i = 0; i < 8; i += 1) {
      get(BEFORE + i);
      get(STATE + i);
      add();
      set(STATE + i);
    }
  };

  const start = () => {
    initial.forEach((word, i) => {
      words(word);
      set(STATE + i);
    });
    get(BLOCKS);
    int(64);
    code.push(0x6c);
    set(LENGTH);
    for (let lane = 0; lane < 4; lane += 1) {
      get(lane === 0 ? START : FROM + lane - 1);
      if (lane > 0) {
        get(LENGTH);
        addInts();
      }
      set(FROM + lane);
    }
  };

  const storeDigests = () => {
    for (const half of [0, 4]) {
      transpose(STATE + half);
      for (let lane = 0; lane < 4; lane += 1) {
        get(TO + lane);
        swapBytes(STATE + half + lane);
        store(4 * half);
      }
    }
  };

  start();
  code.push(0x03, 0x40);
  loadBlock();
  compress();
  for (let lane = 0; lane < 4; lane += 1) {
    get(FROM + lane);
    int(64);
    addInts();
    set(FROM + lane);
  }
  get(BLOCKS);
  int(1);
  code.push(0x6b, 0x22, BLOCKS, 0x0d, 0, END);
  storeDigests();
  return code;
}

type Eight = [number, number, number, number, number, number, number, number];

/** Bytes of two vectors, of which the second one's count from 16 on. */
const SWAPPED = [3, 2, 1, 0, 7, 6, 5, 4, 11, 10, 9, 8, 15, 14, 13, 12];
const LOW_WORDS = [0, 1, 2, 3, 16, 17, 18, 19, 4, 5, 6, 7, 20, 21, 22, 23];
const HIGH_WORDS = LOW_WORDS.map((byte) => byte + 8);
const LOW_PAIRS = [0, 1, 2, 3, 4, 5, 6, 7, 16, 17, 18, 19, 20, 21, 22, 23];
const HIGH_PAIRS = LOW_PAIRS.map((byte) => byte + 8);
