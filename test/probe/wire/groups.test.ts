import { createHash } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type Group, groupOf, groups, keyShare } from "../../../src/probe/wire/groups.ts";
import { ProtocolError } from "../../../src/probe/wire/protocol-error.ts";
import { bytes, hex } from "./rfc8448.ts";

const names = Object.keys(groups) as Group[];
/** A source that is the same each time. */
const seeded = (seed: string) => (length: number) =>
  createHash("shake256", { outputLength: length }).update(seed).digest();

describe.each(names)("%s", (group) => {
  test("both sides agree, and on something else with another key", () => {
    const [ours, theirs, others] = ["a", "b", "c"].map((seed) => keyShare(group, seeded(seed)));
    if (!ours || !theirs || !others) throw new Error("no shares");
    expect(hex(ours.agree(theirs.publicKey))).toBe(hex(theirs.agree(ours.publicKey)));
    expect(hex(ours.agree(others.publicKey))).not.toBe(hex(ours.agree(theirs.publicKey)));
    expect(groupOf(groups[group])).toBe(group);
  });

  test("a peer's garbage is refused", () => {
    const ours = keyShare(group, seeded("a"));
    const garbage = fc.oneof(fc.uint8Array({ maxLength: 120 }), fc.constant(new Uint8Array(32)));
    fc.assert(
      fc.property(garbage, (peer) => {
        // any 32 bytes that are no point of small order will do for X25519
        fc.pre(group !== "x25519" || peer.length !== 32 || peer.every((byte) => byte === 0));
        expect(() => ours.agree(peer)).toThrow(ProtocolError);
      }),
    );
  });

  test("a compressed or truncated point is refused", () => {
    const ours = keyShare(group, seeded("a"));
    const { publicKey } = keyShare(group, seeded("b"));
    const half = (publicKey.length - 1) / 2;
    for (const peer of [
      publicKey.subarray(0, -1),
      Buffer.concat([bytes("02"), publicKey.subarray(1, 1 + half)]),
    ]) {
      expect(() => ours.agree(peer)).toThrow(ProtocolError);
    }
  });
});

test("random bytes that are no scalar are drawn again, once", () => {
  const draws = [new Uint8Array(32).fill(255), seeded("a")(32)];
  const share = keyShare("secp256r1", () => draws.shift() ?? new Uint8Array());
  expect(hex(share.publicKey)).toBe(hex(keyShare("secp256r1", seeded("a")).publicKey));
  expect(() => keyShare("secp256r1", () => new Uint8Array(32).fill(255))).toThrow(/private key/i);
});

test("groups that we have not are not found", () => {
  expect(groupOf(0x001e)).toBeUndefined();
});
