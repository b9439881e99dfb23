import { DecodeError } from "../../wire/codec.ts";

/**
 * Bits in the code of each byte, and last of the end of the string (RFC 7541, appendix B). The code is
 * canonical: its words follow from their lengths, in the order of the bytes.
 */
// oxfmt-ignore
const LENGTHS = [
  13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28,
  28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28,
  6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6,
  5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10,
  13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,
  7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6,
  15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5,
  6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28,
  20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23,
  24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24,
  22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23,
  21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23,
  26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25,
  19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27,
  20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23,
  26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26,
  30,
];
const MAX_LENGTH = 30;
const END_OF_STRING = 256;

/** For each length: the first code word, and the symbols of its words in order. */
const words = wordsByLength();

function wordsByLength() {
  const table: { readonly first: number; readonly symbols: readonly number[] }[] = [];
  for (let length = 0, next = 0; length <= MAX_LENGTH; length += 1) {
    const symbols = LENGTHS.flatMap((bits, symbol) => (bits === length ? [symbol] : []));
    next *= 2;
    table.push({ first: next, symbols });
    next += symbols.length;
  }
  return table;
}

/**
 * Decodes a string (RFC 7541, section 5.2).
 * @throws DecodeError for the end-of-string symbol, and for a padding of 8 bits or with a zero in it
 */
export function decodeHuffman(bytes: Uint8Array): Uint8Array {
  // no code word is shorter than five bits
  const decoded = new Uint8Array(Math.floor((bytes.length * 8) / 5));
  let [word, length, at] = [0, 0, 0];
  for (const byte of bytes) {
    for (let bit = 7; bit >= 0; bit -= 1) {
      word = word * 2 + ((byte >> bit) & 1);
      length += 1;
      const symbol = words[length]?.symbols[word - (words[length]?.first ?? 0)];
      if (symbol === undefined) continue;
      if (symbol === END_OF_STRING) throw new DecodeError("end of string in a Huffman code");
      decoded[at] = symbol;
      at += 1;
      [word, length] = [0, 0];
    }
  }
  if (length > 7 || word !== 2 ** length - 1) throw new DecodeError("bad padding of a Huffman code");
  return decoded.subarray(0, at);
}
