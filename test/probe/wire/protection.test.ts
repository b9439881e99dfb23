import { describe, expect, test } from "vitest";
import { type CipherSuite, cipherSuites } from "../../../src/probe/wire/cipher-suites.ts";
import { DecodeError } from "../../../src/probe/wire/codec.ts";
import { trafficKeys } from "../../../src/probe/wire/key-schedule.ts";
import {
  type Content,
  opener13,
  openerAfter,
  openPlain,
  sealer13,
} from "../../../src/probe/wire/protection.ts";
import { ContentType, recordSplitter, type TlsRecord } from "../../../src/probe/wire/records.ts";

const suite = [...cipherSuites.values()].find(({ aead }) => aead === "aes-128-gcm") as CipherSuite;
const keysOf = (byte: number) => trafficKeys(suite, new Uint8Array(32).fill(byte));
const alert: Content = { type: ContentType.alert, bytes: Uint8Array.of(2, 10) };
const data: Content = { type: ContentType.applicationData, bytes: Buffer.from("hello") };

describe("records after a change of keys", () => {
  /** A server that changes its keys only in the opener's view: records under the old and the new ones. */
  function changing() {
    const [old, next] = [sealer13(suite, keysOf(1)), sealer13(suite, keysOf(2))];
    const open = openerAfter(opener13(suite, keysOf(1)), opener13(suite, keysOf(2)));
    const read = (bytes: Uint8Array) => {
      const [record] = recordSplitter().push(bytes);
      return open(record as TlsRecord);
    };
    return { old, next, read };
  }

  test("are opened under the new ones", () => {
    const { next, read } = changing();
    expect(read(next(data))).toEqual(data);
    expect(read(next(alert)).type).toBe(ContentType.alert);
  });

  test("and an alert under the old ones, which a server may not have left", () => {
    const { old, read } = changing();
    expect(read(old(alert))).toEqual({ type: ContentType.alert, bytes: Buffer.from(alert.bytes) });
  });

  test("but nothing else under those", () => {
    const { old, read } = changing();
    expect(() => read(old(data))).toThrow(DecodeError);
    expect(() => read(sealer13(suite, keysOf(3))(alert))).toThrow(DecodeError);
  });

  test("nor anything in the clear in place of the first ones", () => {
    const open = openerAfter(openPlain, opener13(suite, keysOf(1)));
    const [record] = recordSplitter().push(Uint8Array.of(23, 3, 3, 0, 2, 2, 10));
    expect(() => open(record as TlsRecord)).toThrow(DecodeError);
  });
});
