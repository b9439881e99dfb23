import { expect, test } from "vitest";
import type { Attack } from "../../src/probe/attack.ts";
import { repeatAlone } from "../../src/probe/repeat.ts";
import type { Met } from "../../src/probe/tried.ts";
import { alerted, served, unanswered } from "./support/traces.ts";

const vain = unanswered({ established: false });
const met = (encounter = alerted(120), own?: Met["own"]): Met => ({
  attempt: {} as Met["attempt"],
  encounter,
  ...(own && { own }),
});

/** Repeats what needs it, and tells which were. */
async function repeated(all: readonly Met[], again: Met): Promise<boolean[]> {
  const left = [...all];
  const attack = { attack: {} as Attack, plan: { attempts: [] }, met: left };
  await repeatAlone(
    [attack],
    async () => again,
    () => false,
  );
  return left.map((one) => one === again);
}

test("what waited in vain is tried again alone, and so is what a valid client beside it did", async () => {
  const all = [met(), met(vain), met(alerted(120), [served]), met(alerted(120), [served, vain])];
  expect(await repeated(all, met())).toEqual([false, true, false, true]);
});

test.each([
  ["it", met(vain)],
  ["the valid client beside it", met(alerted(120), [vain])],
])("nothing is tried any more once %s waits in vain with nobody beside it", async (_who, again) => {
  expect(await repeated([met(vain), met(vain)], again)).toEqual([true, false]);
});
