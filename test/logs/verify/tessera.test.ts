import { expect, test } from "vitest";
import { describeWithVectors } from "../../peers/engines.ts";
import { readStore } from "../store-model.ts";
import { parseTrust } from "../../../src/logs/verify/trust.ts";
import { flip, withFile, without } from "./tamper.ts";
import { anchorIn, places, verifyFiles } from "./verifying.ts";

// transparency-dev/tessera testdata/log/, 1811ae1
describeWithVectors("tessera/testdata/log", "the tile log that Tessera wrote", (directory) => {
  const key = "example.com/log/testdata+33d7b496+AeHTu4Q3hEIMHNqc6fASMsq3rKNx280NI+oO5xCFkkSx";
  const trust = parseTrust(Buffer.from(key), "testdata.pub");
  const files = readStore(directory);
  const at = (size: number) => withFile(files, "checkpoint", files.get(`checkpoint.${size}`) ?? "");

  test.each(Array.from({ length: 15 }, (_, i) => i + 1))(
    "is intact at size %i, with every earlier size as an anchor",
    async (size) => {
      const anchors = Array.from({ length: size }, (_, i) => anchorIn(files, `checkpoint.${i + 1}`, trust));
      const result = await verifyFiles(at(size), { trust, anchors, leaves: "records" });
      expect(places(result.findings)).toEqual([]);
      expect(result).toMatchObject({ verdict: "intact", log: { size }, checked: { records: size } });
    },
  );

  test("is empty at size 0", async () => {
    const { findings } = await verifyFiles(at(0), { trust, leaves: "records" });
    expect(findings).toMatchObject([{ code: "LOG_EMPTY" }]);
  });

  test("is altered where it is tampered with", async () => {
    const verify = (store: typeof files) => verifyFiles(store, { trust, leaves: "records" });
    const bundle = "tile/entries/000.p/15";
    expect((await verify(flip(at(15), bundle, 2))).findings).toMatchObject([
      { code: "LEAF_MISMATCH", seq: 0, path: bundle },
    ]);
    expect((await verify(flip(at(15), "tile/0/000.p/15", 70))).findings).toMatchObject([
      { code: "TILE_ALTERED", seq: 2 },
    ]);
    expect((await verify(without(at(15), "tile/0/000.p/15"))).findings).toMatchObject([
      { code: "TILE_MISSING" },
    ]);
    const back = await verifyFiles(at(9), {
      trust,
      leaves: "records",
      anchors: [anchorIn(files, "checkpoint.12", trust)],
    });
    expect(back.findings).toMatchObject([{ code: "ROLLBACK", from: 9, to: 12 }]);
  });
});
