/** What a WebAssembly module is made of, in bytes (WebAssembly Core Specification 2.0, chapter 5). */

/** `\0asm`, and the version. */
export const MAGIC = [0x00, 0x61, 0x73, 0x6d, 1, 0, 0, 0];
export const [INT, VECTOR, END] = [0x7f, 0x7b, 0x0b];

export function section(id: number, content: readonly number[]): number[] {
  return [id, ...sized(content)];
}

export function named(name: string): number[] {
  return sized(Buffer.from(name));
}

export function sized(bytes: Iterable<number>): number[] {
  const all = [...bytes];
  return [...unsigned(all.length), ...all];
}

/** LEB128, unsigned. */
function unsigned(value: number): number[] {
  return value < 0x80 ? [value] : [(value & 0x7f) | 0x80, ...unsigned(value >>> 7)];
}

/** LEB128, signed, of a number that is not negative. */
function signed(value: number): number[] {
  return value < 0x40 ? [value] : [(value & 0x7f) | 0x80, ...signed(value >>> 7)];
}

export function littleEndian(word: number): number[] {
  return [word & 0xff, (word >>> 8) & 0xff, (word >>> 16) & 0xff, word >>> 24];
}

/** Writes instructions. Each works on what those before it left on a stack. */
export function assembler() {
  const code: number[] = [];
  const get = (local: number) => void code.push(0x20, local);
  const set = (local: number) => void code.push(0x21, local);
  const int = (value: number) => void code.push(0x41, ...signed(value));
  const addInts = () => void code.push(0x6a);
  const vector = (instruction: number, ...rest: readonly number[]) =>
    void code.push(0xfd, ...unsigned(instruction), ...rest);
  const load = (offset: number) => vector(0x00, 0, ...unsigned(offset));
  const loadWord = (offset: number) => vector(0x09, 0, ...unsigned(offset));
  const store = (offset: number) => vector(0x0b, 0, ...unsigned(offset));
  const words = (value: number) => vector(0x0c, ...Array(4).fill(littleEndian(value)).flat());
  const shuffle = (bytes: readonly number[]) => vector(0x0d, ...bytes);
  const or = () => vector(0x50);
  const xor = () => vector(0x51);
  /** Of three: the bits of the first where the third has 1, of the second elsewhere. */
  const select = () => vector(0x52);
  const add = () => vector(0xae);
  const shiftLeft = (local: number, bits: number) => {
    get(local);
    int(bits);
    vector(0xab);
  };
  const shiftRight = (local: number, bits: number) => {
    get(local);
    int(bits);
    vector(0xad);
  };
  const rotate = (local: number, bits: number) => {
    shiftRight(local, bits);
    shiftLeft(local, 32 - bits);
    or();
  };
  return {
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
  };
}
