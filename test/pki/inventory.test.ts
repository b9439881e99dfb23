import { appendFileSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createInventory, openInventory } from "../../src/pki/inventory.ts";
import {
  decodeLines,
  encodeHeader,
  encodeLines,
  type InventoryRecord,
  type IssueRecord,
} from "../../src/pki/inventory-line.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { scratch } from "../support/scratch.ts";

const issued = (serial: string, name = "a"): IssueRecord => ({
  op: "issue",
  at: "2026-01-01T00:00:00Z",
  name,
  serial,
  role: "fleet-edge",
  notBefore: "2026-01-01T00:00:00Z",
  notAfter: "2026-01-02T00:00:00Z",
  ttl: 86_400,
  sans: ["dns:a.fleet.internal"],
  keyType: "p256",
  authority: 1,
});

const record: fc.Arbitrary<InventoryRecord> = fc.oneof(
  fc.record({
    op: fc.constant("issue" as const),
    at: fc.string(),
    name: fc.string({ unit: "grapheme" }),
    serial: fc.string(),
    role: fc.string(),
    notBefore: fc.string(),
    notAfter: fc.string(),
    ttl: fc.nat(),
    sans: fc.array(fc.string({ unit: "grapheme" })),
    keyType: fc.constant("p256" as const),
    authority: fc.nat(),
  }),
  fc.record({ op: fc.constant("crl" as const), at: fc.string(), authority: fc.nat(), number: fc.nat() }),
);

function encoded(records: readonly InventoryRecord[]): Buffer {
  const header = encodeHeader();
  return Buffer.concat([header.data, encodeLines(records, header.sum).data]);
}

describe("lines", () => {
  test("read back, in one piece or from any line on", () => {
    fc.assert(
      fc.property(fc.array(record, { maxLength: 10 }), fc.nat(), (records, at) => {
        const data = encoded(records);
        const plain = JSON.parse(JSON.stringify(records)) as InventoryRecord[];
        expect(decodeLines(data, "f", 0, 0)).toMatchObject({ records: plain, length: data.length });
        const split = records.slice(0, at % (records.length + 1));
        const first = decodeLines(encoded(split), "f", 0, 0);
        const rest = decodeLines(data.subarray(first.length), "f", first.lines, first.sum);
        expect([...first.records, ...rest.records]).toEqual(plain);
      }),
    );
  });

  test("cut off anywhere, they give every whole record before", () => {
    fc.assert(
      fc.property(fc.array(record, { minLength: 1, maxLength: 5 }), fc.nat(), (records, at) => {
        const data = encoded(records);
        const cut = data.subarray(0, at % data.length);
        const { length, records: read } = decodeLines(cut, "f", 0, 0);
        expect(length).toBe(cut.lastIndexOf(0x0a) + 1);
        expect(read).toEqual((JSON.parse(JSON.stringify(records)) as unknown[]).slice(0, read.length));
        expect(read.length).toBe(Math.max(0, cut.filter((byte) => byte === 0x0a).length - 1));
      }),
    );
  });

  test("with any byte changed they are refused, from that line on", () => {
    fc.assert(
      fc.property(
        fc.array(record, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        fc.integer({ min: 1, max: 255 }),
        (records, at, flip) => {
          const data = encoded(records);
          const place = at % (data.length - 1);
          data[place] = (data[place] ?? 0) ^ flip;
          expect(() => decodeLines(data, "f", 0, 0)).toThrow(
            expect.objectContaining({ code: "state" }) as Error,
          );
        },
      ),
    );
  });

  test.each([
    ["lost", (lines: string[]) => lines.toSpliced(2, 1), 3],
    ["doubled", (lines: string[]) => lines.toSpliced(2, 0, lines[2] ?? ""), 4],
    ["moved", (lines: string[]) => lines.with(2, lines[3] ?? "").with(3, lines[2] ?? ""), 3],
    ["empty", (lines: string[]) => lines.toSpliced(2, 0, ""), 3],
    ["replaced by zeros", (lines: string[]) => lines.with(2, "\0".repeat(lines[2]?.length ?? 0)), 3],
  ])("a line that is %s is named", (_, damage, line) => {
    const text = encoded(["01", "02", "03"].map((serial) => issued(serial))).toString();
    const data = Buffer.from(damage(text.split("\n")).join("\n"));
    expect(() => decodeLines(data, "f", 0, 0)).toThrow(
      expect.objectContaining({
        code: "state",
        message: expect.stringContaining(`line ${line}`) as string,
      }) as Error,
    );
  });

  test("another format, and a record of a kind to come, are refused", () => {
    const foreign = encodeLines([{ format: "fleetsec.inventory/v2" } as never], 0).data;
    expect(() => decodeLines(foreign, "f", 0, 0)).toThrow(
      expect.objectContaining({ code: "state" }) as Error,
    );
    const later = encoded([{ op: "transfer" } as never]);
    expect(() => decodeLines(later, "f", 0, 0)).toThrow(expect.objectContaining({ code: "state" }) as Error);
  });
});

describe("an inventory", () => {
  const fresh = () => {
    const path = join(scratch(), "inventory.jsonl");
    createInventory(files, path);
    return path;
  };

  test("is private, and creating it again changes nothing", () => {
    const path = fresh();
    expect(statSync(path).mode & 0o777).toBe(0o600);
    openInventory(files, path).append([issued("01")]);
    const before = readFileSync(path);
    createInventory(files, path);
    expect(readFileSync(path)).toEqual(before);
  });

  test("sees what another process appended", () => {
    const path = fresh();
    const [one, two] = [openInventory(files, path), openInventory(files, path)];
    one.append([issued("01")]);
    two.refresh();
    two.append([
      issued("02"),
      { op: "revoke", at: "2026-01-01T01:00:00Z", serial: "01", reason: "superseded" },
    ]);
    one.refresh();
    expect(one.byName("a").map(({ issued: { serial } }) => serial)).toEqual(["01", "02"]);
    expect(one.newest("a")?.issued.serial).toBe("02");
    expect(one.bySerial("01")?.revoked?.reason).toBe("superseded");
    expect(one.revocations(1)).toHaveLength(1);
    expect(one.revocations(2)).toEqual([]);
  });

  test("cuts off a torn line before it appends", () => {
    const path = fresh();
    openInventory(files, path).append([issued("01")]);
    appendFileSync(path, '{"op":"issue","serial":"02"');
    const inventory = openInventory(files, path);
    inventory.append([issued("03")]);
    expect(
      openInventory(files, path)
        .entries()
        .map((entry) => entry.issued.serial),
    ).toEqual(["01", "03"]);
  });

  test("never takes a serial number twice, and revokes once and only what it issued", () => {
    const path = fresh();
    const inventory = openInventory(files, path);
    inventory.append([issued("01")]);
    const before = readFileSync(path);
    expect(() => inventory.append([issued("01")])).toThrow(
      expect.objectContaining({ code: "state" }) as Error,
    );
    expect(readFileSync(path)).toEqual(before);
    inventory.append([{ op: "revoke", at: "2026-01-01T01:00:00Z", serial: "01", reason: "superseded" }]);
    inventory.append([{ op: "revoke", at: "2026-01-01T02:00:00Z", serial: "01", reason: "keyCompromise" }]);
    expect(inventory.bySerial("01")?.revoked?.reason).toBe("superseded");
    const header = encodeHeader();
    const revoked = encodeLines([{ op: "revoke", at: "", serial: "77", reason: "superseded" }], header.sum);
    writeFileSync(path, Buffer.concat([header.data, revoked.data]));
    expect(() => openInventory(files, path)).toThrow(expect.objectContaining({ code: "state" }) as Error);
  });

  test("counts CRLs for each authority", () => {
    const inventory = openInventory(files, fresh());
    expect([inventory.newestCrl(1), inventory.lastAuthority()]).toEqual([undefined, 0]);
    inventory.append([
      { op: "crl", at: "", authority: 1, number: 1 },
      { op: "crl", at: "", authority: 3, number: 1 },
      { op: "crl", at: "", authority: 1, number: 2 },
    ]);
    expect([
      inventory.newestCrl(1)?.number,
      inventory.newestCrl(3)?.number,
      inventory.lastAuthority(),
    ]).toEqual([2, 1, 3]);
  });
});
