/** What is held of an outcome: the inventory has the rest. */
export interface Mark {
  readonly line: number;
  readonly status: "issued" | "kept";
  /** As OpenSSL prints it. */
  readonly serial: string;
}

/** What became of the lines of a roster, in some 26 bytes each. */
export interface Marks {
  /** Takes in a line that nothing became of yet; in their order. */
  add(line: number): void;
  set(mark: Mark): void;
  has(line: number): boolean;
  /** In the order of the lines. @throws Error for one that nothing became of */
  [Symbol.iterator](): Iterator<Mark>;
}

/** RFC 5280 section 4.1.2.2. */
const SERIAL_BYTES = 20;

/** @param count of the lines */
export function marksOf(count: number): Marks {
  const lines = new Uint32Array(count);
  const kept = new Uint8Array(count);
  // hexadecimal digits of the serial number; 0 where there is none yet
  const digits = new Uint8Array(count);
  const serials = Buffer.alloc(count * SERIAL_BYTES);
  let length = 0;

  const indexOf = (line: number): number => {
    let [low, high] = [0, length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((lines[middle] ?? 0) < line) low = middle + 1;
      else high = middle;
    }
    if (low === length || lines[low] !== line) throw new Error(`line ${line} was not taken in`);
    return low;
  };

  return {
    add(line) {
      if (length === count) throw new Error(`more than ${count} lines`);
      lines[length] = line;
      length += 1;
    },
    set({ line, status, serial }) {
      if (!/^[0-9A-F]{1,40}$/.test(serial)) throw new Error(`not a serial number: ${serial}`);
      const index = indexOf(line);
      kept[index] = status === "kept" ? 1 : 0;
      digits[index] = serial.length;
      serials.write(serial.padStart(2 * SERIAL_BYTES, "0"), index * SERIAL_BYTES, "hex");
    },
    has: (line) => digits[indexOf(line)] !== 0,
    *[Symbol.iterator]() {
      for (let i = 0; i < length; i += 1) {
        const line = lines[i] ?? 0;
        const hex = serials.toString("hex", i * SERIAL_BYTES, (i + 1) * SERIAL_BYTES).toUpperCase();
        if (digits[i] === 0) throw new Error(`nothing became of line ${line}`);
        yield { line, status: kept[i] === 1 ? "kept" : "issued", serial: hex.slice(-(digits[i] ?? 0)) };
      }
    },
  };
}
