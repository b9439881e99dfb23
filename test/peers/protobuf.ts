/** As much of the protobuf wire format as one gRPC service needs (protobuf.dev/programming-guides/encoding). */

type Field = bigint | Buffer;

/** The fields of a message, by number, in the order in which they stand. */
export function decode(bytes: Buffer): (field: number) => readonly Field[] {
  const fields = new Map<number, Field[]>();
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes.readUInt8(at++);
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  };
  const take = (length: number) => {
    if (at + length > bytes.length) throw new Error("a protobuf field is cut short");
    return bytes.subarray(at, (at += length));
  };
  const read: Record<number, () => Field> = {
    0: varint,
    1: () => take(8),
    2: () => take(Number(varint())),
    5: () => take(4),
  };
  while (at < bytes.length) {
    const key = Number(varint());
    const value = read[key & 7]?.();
    if (value === undefined) throw new Error(`protobuf wire type ${key & 7}`);
    fields.set(key >> 3, [...(fields.get(key >> 3) ?? []), value]);
  }
  return (field) => fields.get(field) ?? [];
}

/** The message in a field; an empty one where it is absent. */
export function message(field: readonly Field[]): ReturnType<typeof decode> {
  const last = field.at(-1);
  return decode(Buffer.isBuffer(last) ? last : Buffer.alloc(0));
}

export function text(field: readonly Field[]): string {
  return field.at(-1)?.toString() ?? "";
}

export function encodeVarint(field: number, value: number): Buffer {
  return Buffer.concat([varintOf(field << 3), varintOf(value)]);
}

export function encodeBytes(field: number, value: string | Buffer): Buffer {
  const data = Buffer.from(value as string);
  return Buffer.concat([varintOf((field << 3) | 2), varintOf(data.length), data]);
}

function varintOf(value: number): Buffer {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return Buffer.from([...bytes, rest]);
    bytes.push((rest % 128) | 0x80);
  }
}

/** google.protobuf.Struct of JSON values. */
export function encodeStruct(value: object): Buffer {
  return Buffer.concat(
    Object.entries(value).map(([key, item]) =>
      encodeBytes(1, Buffer.concat([encodeBytes(1, key), encodeBytes(2, encodeValue(item))])),
    ),
  );
}

function encodeValue(value: unknown): Buffer {
  if (typeof value === "string") return encodeBytes(3, value);
  if (typeof value === "boolean") return encodeVarint(4, Number(value));
  if (Array.isArray(value)) {
    return encodeBytes(6, Buffer.concat(value.map((item) => encodeBytes(1, encodeValue(item)))));
  }
  throw new Error("only what the policy answers with");
}
