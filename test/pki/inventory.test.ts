import {
  appendFileSync,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { createInventory, type Inventory, openInventory } from "../../src/pki/inventory.ts";
import { offsetsOf, withKeys } from "../../src/pki/inventory-index.ts";
import {
  decodeLines,
  encodeHeader,
  encodeLines,
  type InventoryRecord,
  type IssueRecord,
} from "../../src/pki/inventory-line.ts";
import type { Files } from "../../src/platform/files.ts";
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

test("an inventory without its whole header is refused, and never takes a line", () => {
  const path = join(scratch(), "inventory.jsonl");
  createInventory(files, path);
  const whole = readFileSync(path);
  for (const length of [0, 20, whole.length - 1]) {
    writeFileSync(path, whole.subarray(0, length));
    expect(() => openInventory(files, path)).toThrow(
      expect.objectContaining({
        code: "state",
        message: expect.stringContaining("line 1") as string,
      }) as Error,
    );
    expect(statSync(path).size).toBe(length);
  }
  writeFileSync(path, whole);
  openInventory(files, path).append([issued("01")]);
  expect(openInventory(files, path).entries()).toHaveLength(1);
});

test("an inventory that is begun anew takes nothing from the index of the one before", () => {
  const path = join(scratch(), "inventory.jsonl");
  createInventory(files, path);
  openInventory(files, path).append(Array.from({ length: 1200 }, (_, n) => issued(`${n}`)));
  expect(existsSync(path.replace(".jsonl", ".index"))).toBe(true);
  rmSync(path);
  createInventory(files, path);
  expect(openInventory(files, path).entries()).toEqual([]);
});

describe("the index of an inventory", () => {
  const COUNT = 1200;
  const RECENT = ["x1", "x2"];
  const serialOf = (n: number) => n.toString(16).toUpperCase().padStart(8, "0").padEnd(40, "7");

  /** One with an index over most of it, as other processes find it. */
  function indexed() {
    const path = join(scratch(), "inventory.jsonl");
    const indexPath = path.replace(".jsonl", ".index");
    createInventory(files, path);
    const inventory = openInventory(files, path);
    inventory.append([
      { op: "crl", at: "", authority: 1, number: 1 },
      issued(serialOf(0), "b"),
      { op: "revoke", at: "2026-01-01T01:00:00Z", serial: serialOf(0), reason: "superseded" },
    ]);
    inventory.append(Array.from({ length: COUNT }, (_, n) => issued(serialOf(n + 1), `truck-${n % 1000}`)));
    expect(existsSync(indexPath)).toBe(true);
    inventory.append(RECENT.map((name, n) => issued(serialOf(COUNT + 1 + n), name)));
    return { path, indexPath, inventory };
  }

  /** Everything that an inventory answers. */
  function answers(inventory: Inventory) {
    const names = ["b", "truck-0", "truck-999", "truck-1", ...RECENT, "nobody"];
    return {
      named: names.map((name) => inventory.byName(name)),
      newest: names.map((name) => inventory.newest(name)),
      accepted: names.map((name) =>
        inventory.newest(name, ({ issued: one }) => one.serial !== serialOf(1001)),
      ),
      serials: [0, 1, 1001, COUNT + 2, COUNT + 3].map((n) => inventory.bySerial(serialOf(n))),
      prefixes: ["00000000", serialOf(7), "F0000000"].map((digits) => inventory.bySerialPrefix(digits)),
      entries: inventory.entries(),
      revocations: inventory.revocations(1),
      crl: inventory.newestCrl(1),
      last: inventory.lastAuthority(),
    };
  }

  test("changes no answer, wherever it comes from", () => {
    const { path, indexPath, inventory } = indexed();
    const withIndex = answers(openInventory(files, path));
    expect(answers(inventory)).toEqual(withIndex);
    rmSync(indexPath);
    expect(answers(openInventory(files, path))).toEqual(withIndex);
    expect(withIndex.entries).toHaveLength(COUNT + 3);
    expect(withIndex.named.map((entries) => entries.length)).toEqual([1, 2, 1, 2, 1, 1, 0]);
    expect(withIndex.named[0]?.[0]?.revoked?.reason).toBe("superseded");
    expect(withIndex.named[1]?.map((entry) => entry.issued.serial)).toEqual([serialOf(1), serialOf(1001)]);
    expect(withIndex.accepted.map((entry) => entry?.issued.serial).slice(1, 3)).toEqual(
      [1, 1000].map(serialOf),
    );
    expect(withIndex.prefixes.map((entries) => entries.length)).toEqual([1, 1, 0]);
  });

  test("whoever is mentioned is found, wherever in the file; who has not ended is read in its order", () => {
    const { inventory } = indexed();
    const serials = (entries: Iterable<{ issued: IssueRecord }>) =>
      [...entries].map((one) => one.issued.serial);
    for (let n = 0; n < 1000; n += 1) {
      const name = `truck-${n}`;
      expect([name, serials(inventory.mentioning(name))]).toEqual([name, serials(inventory.byName(name))]);
    }
    expect(inventory.mentioning("truck")).toEqual([]);
    const end = Date.parse(issued("").notAfter);
    expect([...inventory.unended(end - 1)]).toEqual(inventory.entries());
    expect([...inventory.unended(end + 1000)]).toEqual([]);
  });

  test("spares reading what it covers, is private, and is not needed for going on", () => {
    const { path, indexPath } = indexed();
    const read = vi.fn<Files["readFrom"]>((...args) => files.readFrom(...args));
    const inventory = openInventory({ ...files, readFrom: read }, path);
    expect(read.mock.results[0]?.value).toHaveLength(
      readFileSync(path, "utf8").split("\n").slice(-3).join("\n").length,
    );
    expect(statSync(indexPath).mode & 0o777).toBe(0o600);
    expect(() => inventory.append([issued(serialOf(5))])).toThrow(
      expect.objectContaining({ code: "state" }) as Error,
    );
    inventory.append([
      { op: "revoke", at: "2026-01-01T02:00:00Z", serial: serialOf(9), reason: "superseded" },
    ]);
    rmSync(indexPath);
    expect(openInventory(files, path).revocations(1)).toEqual(inventory.revocations(1));
    expect(inventory.revocations(1)).toHaveLength(2);
  });

  test("with any byte changed, cut off or of another inventory, is passed over", () => {
    const { path, indexPath } = indexed();
    const [right, expected] = [readFileSync(indexPath), answers(openInventory(files, path))];
    const holds = (data: Buffer) => {
      writeFileSync(indexPath, data);
      expect(answers(openInventory(files, path))).toEqual(expected);
    };
    for (const at of [0, 20, right.length >> 1, right.length - 1]) {
      const damaged = Buffer.from(right);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      holds(damaged);
    }
    for (const length of [0, 3, 4, right.length - 8]) holds(right.subarray(0, length));
    holds(readFileSync(indexed().indexPath).subarray(8));
    // the other one goes on from the same header, with other lines of the same length
    const other = join(scratch(), "inventory.jsonl");
    createInventory(files, other);
    openInventory(files, other).append(
      Array.from({ length: COUNT }, (_, n) => issued(serialOf(n + 9000), `other-${n}`)),
    );
    holds(readFileSync(other.replace(".jsonl", ".index")));
  });

  test("an inventory that is shorter than it says was cut; without it, it is an older one", () => {
    const { path, indexPath } = indexed();
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${lines.slice(0, 50).join("\n")}\n`);
    expect(() => openInventory(files, path)).toThrow(expect.objectContaining({ code: "state" }) as Error);
    rmSync(indexPath);
    const inventory = openInventory(files, path);
    expect(inventory.entries()).toHaveLength(47);
    inventory.append([issued(serialOf(700), "again")]);
    expect(openInventory(files, path).bySerial(serialOf(700))?.issued.name).toBe("again");
  });

  /** Changes a byte of what the index covers, and gives what the error says of it. */
  function damage(path: string, text: string) {
    const data = readFileSync(path);
    const at = data.indexOf(text) + text.length - 1;
    const line = data.toString("latin1", 0, at).split("\n").length;
    data[at] = (data[at] ?? 0) ^ 1;
    writeFileSync(path, data);
    return expect.objectContaining({
      code: "state",
      message: expect.stringMatching(new RegExp(`is damaged at line ${line}$`)) as string,
    }) as Error;
  }

  test("does not hide damage from who reads the line, or all of them, and both name it", () => {
    const { path } = indexed();
    const error = damage(path, "truck-500");
    const inventory = openInventory(files, path);
    expect(inventory.byName("truck-1")).toHaveLength(2);
    expect(() => inventory.byName("truck-500")).toThrow(error);
    expect(() => inventory.entries()).toThrow(error);
  });

  test("does not hide damage from who writes, and nothing is written then", () => {
    const { path, indexPath } = indexed();
    const whole = readFileSync(path);
    const error = damage(path, "truck-500");
    const before = [readFileSync(path), readFileSync(indexPath)];
    expect(() => openInventory(files, path).refresh()).toThrow(error);
    expect(() => openInventory(files, path).append([issued(serialOf(9000))])).toThrow(error);
    expect([readFileSync(path), readFileSync(indexPath)]).toEqual(before);
    writeFileSync(path, whole);
    const inventory = openInventory(files, path);
    inventory.refresh();
    inventory.append([issued(serialOf(9000))]);
    expect(openInventory(files, path).bySerial(serialOf(9000))?.issued.name).toBe("a");
  });

  test("nor from a process that had read it whole before", () => {
    const { path, inventory } = indexed();
    inventory.refresh();
    inventory.append([issued(serialOf(9000))]);
    const size = statSync(path).size;
    const error = damage(path, '"name":"x1');
    expect(() => inventory.refresh()).toThrow(error);
    expect(() => inventory.append([issued(serialOf(9001))])).toThrow(error);
    expect(statSync(path).size).toBe(size);
    // cut off, too: what this process has answered with is there no more
    const lines = readFileSync(path, "utf8").split("\n");
    writeFileSync(path, `${lines.slice(0, 50).join("\n")}\n`);
    expect(() => inventory.refresh()).toThrow("is damaged at line 51");
  });

  test("is read again for that only where the file has changed", () => {
    const { path } = indexed();
    const open = vi.fn<Files["open"]>((...args) => files.open(...args));
    const inventory = openInventory({ ...files, open }, path);
    inventory.refresh();
    open.mockClear();
    inventory.refresh();
    inventory.append([issued(serialOf(9000))]);
    inventory.refresh();
    expect(open).not.toHaveBeenCalled();
    openInventory(files, path).append([issued(serialOf(9001))]);
    inventory.refresh();
    expect(open).toHaveBeenCalledOnce();
    expect(inventory.bySerial(serialOf(9001))).toBeDefined();
  });

  test("that cannot be written takes back nothing that was appended", () => {
    const path = join(scratch(), "inventory.jsonl");
    createInventory(files, path);
    const full = new FleetsecError("io", "no space left");
    const inventory = openInventory(
      {
        ...files,
        write: () => {
          throw full;
        },
      },
      path,
    );
    inventory.append(Array.from({ length: COUNT }, (_, n) => issued(serialOf(n))));
    expect(inventory.entries()).toHaveLength(COUNT);
    expect(openInventory(files, path).entries()).toHaveLength(COUNT);
    expect(readdirSync(join(path, ".."))).toEqual(["inventory.jsonl"]);
  });

  test("finds each of many keys, oldest first", () => {
    const key = fc.integer({ min: 0, max: 3 }).map((n) => [0, 1, 0x7fff_ffff, 0xffff_ffff][n] ?? 0);
    fc.assert(
      fc.property(fc.array(fc.array(key, { maxLength: 8 }), { maxLength: 4 }), (rounds) => {
        const all = rounds.flat().map((one, offset) => [one, offset] as const);
        let keys = new BigUint64Array(0);
        let done = 0;
        for (const { length } of rounds) keys = withKeys(keys, all.slice(done, (done += length)));
        for (const one of [0, 1, 2, 0x7fff_ffff, 0xffff_ffff]) {
          expect(offsetsOf(keys, one)).toEqual(
            all.flatMap(([other, offset]) => (other === one ? offset : [])),
          );
        }
      }),
    );
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
