import { describe, expect, it } from "vitest";
import { inGroups } from "../../../src/logs/verify/in-groups.ts";

function doubling(limits: { items: number; bytes: number }) {
  const asked: number[][] = [];
  const groups = inGroups<number, number>(
    limits,
    (item) => item,
    async (items) => {
      asked.push([...items]);
      if (items.includes(13)) throw new Error("unlucky");
      return items.map((item) => 2 * item);
    },
  );
  return { asked, groups };
}

describe("in groups", () => {
  it("asks for a group when it has enough items, and for the rest when nothing else is to be done", async () => {
    const { asked, groups } = doubling({ items: 2, bytes: 1000 });
    const answers = [1, 2, 3].map((item) => groups.ask(item));
    expect(asked).toEqual([[1, 2]]);
    expect(await Promise.all(answers)).toEqual([2, 4, 6]);
    expect(asked).toEqual([[1, 2], [3]]);
  });

  it("asks for a group when it has enough bytes", async () => {
    const { asked, groups } = doubling({ items: 100, bytes: 10 });
    const answers = [4, 6, 1].map((item) => groups.ask(item));
    expect(asked).toEqual([[4, 6]]);
    expect(await Promise.all(answers)).toEqual([8, 12, 2]);
  });

  it("fails for every item of a group, and for no other", async () => {
    const { groups } = doubling({ items: 2, bytes: 1000 });
    const ends = await Promise.allSettled([1, 13, 2].map((item) => groups.ask(item)));
    expect(ends.map(({ status }) => status)).toEqual(["rejected", "rejected", "fulfilled"]);
  });

  it("asks for nothing once it is closed", async () => {
    const { asked, groups } = doubling({ items: 2, bytes: 1000 });
    void groups.ask(1);
    groups.close();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toEqual([]);
  });
});
