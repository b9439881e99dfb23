import type { TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import type { Trace } from "../../src/probe/exchange.ts";
import { lateDenials } from "../../src/probe/late.ts";
import type { Met } from "../../src/probe/tried.ts";
import {
  newWorld,
  outside,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "./support/probing.ts";
import { tlsServer } from "./support/servers.ts";
import { silent, unanswered } from "./support/traces.ts";

const hungUp = unanswered({ end: "closed" });
let world: World;
beforeAll(async () => {
  world = await newWorld();
});

describe.concurrent.each(["TLSv1.2", "TLSv1.3"] as const)("a silent service on %s", (version) => {
  /** @param everybody milliseconds after which nobody is kept */
  const hangingUp = async (isStranger: (socket: TLSSocket) => boolean, everybody = 60_000) => {
    const options = strictServer(world, {
      rejectUnauthorized: false,
      minVersion: version,
      maxVersion: version,
    });
    const port = await tlsServer(options, (socket) => {
      socket.on("data", () => {});
      const gone = new AbortController();
      // by the probe's own clock, which a busy machine does not hurry
      outside.clock.sleep(isStranger(socket) ? 2500 : everybody, gone.signal).then(
        () => socket.destroy(),
        () => {},
      );
      socket.once("close", () => gone.abort());
    });
    return probed(world, `tls://localhost:${port}`, { attacks: selected("no-cert", "self-signed") });
  };

  // beside each other: late is late
  test("that hangs up late on strangers alone is strict; on nobody, or on everybody, it is not", async () => {
    const [strict, ...lax] = await Promise.all([
      hangingUp(({ authorized }) => !authorized),
      hangingUp(() => false),
      hangingUp(() => false, 7000),
    ]);
    expect([strict.verdict, strict.reasons]).toEqual(["enforced", []]);
    for (const endpoint of lax) expect(withOutcome(endpoint, "accepted")).toHaveLength(2);
  });
});

describe.concurrent("of those who are met by silence", () => {
  const isOpen = ({ end }: Trace) => end === "open";
  const met = (encounter = silent) => ({ attempt: {}, encounter }) as unknown as Met;
  const counting = (...ends: Met[]) => {
    let asked = 0;
    const again = async () => ends[asked++] ?? met();
    return { again, asked: () => asked };
  };

  test("one waits for all, where it is not hung up on", async () => {
    const late = lateDenials(async () => silent, isOpen);
    const { again, asked } = counting();
    const all = [met(), met(), met()];
    expect(await Promise.all(all.map((one) => late.decisive(one, again)))).toEqual(all);
    expect([asked(), late.isKnown()]).toEqual([1, false]);
  });

  test("each waits, where the first is; and silence may stand", async () => {
    const late = lateDenials(async () => silent, isOpen);
    const gone = met(hungUp);
    const { again, asked } = counting(gone, gone);
    const all = [met(), met(), met()];
    const decided = await Promise.all(all.map((one) => late.decisive(one, again)));
    expect(decided.map((one) => one === gone)).toEqual([true, true, false]);
    expect([asked(), late.isKnown()]).toEqual([3, true]);
  });

  test("none is denied where valid clients are hung up on too", async () => {
    const late = lateDenials(async () => hungUp, isOpen);
    const { again } = counting(met(hungUp));
    const one = met();
    expect(await late.decisive(one, again)).toBe(one);
    expect(late.isKnown()).toBe(false);
  });
});
