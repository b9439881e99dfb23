import { describe, expect, it } from "vitest";
import { sharedWork, take, type Ticket, ticket } from "../../../src/logs/verify/shared-work.ts";

/** A thread that takes what it is offered when it is told to. */
function helper() {
  const offered: (() => void)[] = [];
  const taken: number[] = [];
  return {
    taken,
    /** Takes everything that it was offered and nobody else took. */
    work: () => {
      for (const begin of offered.splice(0)) begin();
    },
    there: (item: number, its: Ticket) =>
      new Promise<string | undefined>((resolve) => {
        offered.push(() => {
          if (!take(its)) return resolve(undefined);
          taken.push(item);
          resolve(`there ${item}`);
        });
      }),
  };
}

const here = async (item: number) => `here ${item}`;
const turns = async (count: number) => {
  for (let i = 0; i < count; i += 1) await new Promise((resolve) => setImmediate(resolve));
};

describe("work that threads share", () => {
  it("is taken once, also through a copy of the ticket's view", () => {
    const its = ticket();
    const copy = structuredClone(its);
    expect([take(copy), take(its), take(copy)]).toEqual([true, false, false]);
  });

  it("is all done here where no other thread ever begins, in order", async () => {
    const { there, taken } = helper();
    const done: number[] = [];
    const { run } = sharedWork(there, async (item: number) => {
      done.push(item);
      return here(item);
    });
    const results = await Promise.all([0, 1, 2, 3].map(run));
    expect(results).toEqual(["here 0", "here 1", "here 2", "here 3"]);
    expect([done, taken]).toEqual([[0, 1, 2, 3], []]);
  });

  it("is done there or here, each item once", async () => {
    const { there, work, taken } = helper();
    const done: number[] = [];
    const { run } = sharedWork(there, async (item: number) => {
      done.push(item);
      // the other thread has begun meanwhile, and takes the rest
      if (item === 1) work();
      return here(item);
    });
    const items = [0, 1, 2, 3, 4];
    const results = await Promise.all(items.map(run));
    expect(results).toEqual(["here 0", "here 1", "there 2", "there 3", "there 4"]);
    expect([done, taken]).toEqual([
      [0, 1],
      [2, 3, 4],
    ]);
  });

  it("goes on with what comes later", async () => {
    const { run } = sharedWork(helper().there, here);
    expect(await run(1)).toBe("here 1");
    expect(await run(2)).toBe("here 2");
  });

  it("fails with what fails, there or here, and goes on", async () => {
    const fault = new Error("fault");
    const failing = sharedWork(
      async (item: number, its: Ticket) => {
        if (item !== 1) return undefined;
        take(its);
        throw fault;
      },
      async (item) => {
        if (item === 2) throw fault;
        return here(item);
      },
    );
    const outcomes = await Promise.allSettled([0, 1, 2, 3].map(failing.run));
    expect(outcomes).toEqual([
      { status: "fulfilled", value: "here 0" },
      { status: "rejected", reason: fault },
      { status: "rejected", reason: fault },
      { status: "fulfilled", value: "here 3" },
    ]);
  });

  it("is not begun any more once it is closed", async () => {
    const done: number[] = [];
    const { run, close } = sharedWork(helper().there, async (item: number) => String(done.push(item)));
    for (const item of [0, 1]) run(item).catch(() => undefined);
    close();
    await turns(3);
    expect(done).toEqual([]);
    // the control: it would have been
    const { run: again } = sharedWork(helper().there, async (item: number) => String(done.push(item)));
    void again(2);
    await turns(3);
    expect(done).toEqual([2]);
  });
});
