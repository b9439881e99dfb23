import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { parseTrust } from "../../../src/logs/verify/trust.ts";
import { ANCHOR } from "./fixture-cases.ts";
import { FIXTURES, readFixtures, readIntact, writeFixtures } from "./fixtures.ts";
import { verifyInPartsToo as verifyFiles } from "./merging.ts";
import { anchorIn, NOW, places } from "./verifying.ts";

// FLEETSEC_FIXTURES=1 writes the stored stores anew, as fixture-cases.ts has them
if (process.env["FLEETSEC_FIXTURES"] === "1") await writeFixtures();

/** Rows that no files alone show: a time-stamp authority's token, and what an object store says of its objects. */
const WITHOUT_FILES = [35, 36, 37];

describe("the stored stores", () => {
  const fixtures = readFixtures();
  const intact = readIntact();
  const anchors = [
    { ...anchorIn(new Map([[ANCHOR, readFileSync(join(FIXTURES, ANCHOR))]]), ANCHOR), source: ANCHOR },
  ];

  test("the control: the one that nobody touched is intact", async () => {
    const trust = parseTrust(readFileSync(join(FIXTURES, "trust")), "trust");
    const result = await verifyFiles(intact, { trust, anchors });
    expect(result).toMatchObject({ verdict: "intact", ok: true, findings: [] });
  });

  test("there is one for every row of the catalogue that files can show", () => {
    const rows = Array.from({ length: 39 }, (_, i) => i + 1).filter((row) => !WITHOUT_FILES.includes(row));
    expect([...new Set(fixtures.map(({ row }) => row))].sort((a, b) => a - b)).toEqual(rows);
  });

  test.each(fixtures)(
    "$name: every finding, and its place",
    async ({ store, trust, now, maxAge, expected }) => {
      expect(now).toBe(NOW);
      const { findings, ok } = await verifyFiles(store, {
        trust: parseTrust(trust, "trust"),
        anchors,
        maxAge: maxAge ?? undefined,
      });
      expect(ok).toBe(false);
      expect(places(findings)).toEqual(expected);
    },
  );
});
