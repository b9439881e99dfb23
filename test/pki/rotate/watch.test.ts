import { readFileSync, writeFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { lintRecord } from "../../../src/logs/lint/event.ts";
import { currentCertificate } from "../../../src/pki/renew.ts";
import type { RotationEvent } from "../../../src/pki/rotate/event.ts";
import { systemFiles } from "../../../src/platform/system-files.ts";
import { LIFETIME, startWatching } from "./watching.ts";

const MINUTE = 60_000;
const DAY = 24 * 60 * MINUTE;
const TERMINATED = expect.objectContaining({ code: "terminated" });

const inUse = ({ authority }: Awaited<ReturnType<typeof startWatching>>, name: string) => {
  authority.inventory.refresh();
  return currentCertificate(systemFiles, authority, name);
};

describe("cert rotate --watch", () => {
  test("renews each of many certificates in time, over and over, and looks at the clock every minute", async () => {
    const names = ["a", "b", "c", "d"];
    const watching = await startWatching(names);
    const end = watching.now() + 2 * LIFETIME;
    expect(await watching.run(() => watching.now() >= end)).toEqual(TERMINATED);

    expect(Math.max(...watching.sleeps)).toBeLessThanOrEqual(60_000);
    watching.authority.inventory.refresh();
    for (const name of names) {
      const all = watching.authority.inventory.byName(name).map(({ issued }) => issued);
      // renewed after 37 to 40 minutes of 60: two hours take three renewals
      expect(all.length).toBeGreaterThanOrEqual(3);
      expect(all.length).toBeLessThanOrEqual(4);
      for (const [i, { at }] of all.slice(1).entries()) {
        const age = Date.parse(at) - Date.parse(all[i]?.at ?? "");
        // the inventory has whole seconds
        expect(age).toBeGreaterThanOrEqual(LIFETIME * (2 / 3 - 1 / 20) - 1000);
        expect(age).toBeLessThanOrEqual((LIFETIME * 2) / 3 + MINUTE);
      }
    }
    // they were issued at once and did not come back at once
    const first = new Set(names.map((name) => watching.authority.inventory.byName(name)[1]?.issued.at));
    expect(first.size).toBeGreaterThan(1);
    const renewals = watching.events.filter(({ action }) => action === "certificate-renewed");
    expect(renewals.length).toBeGreaterThanOrEqual(8);
    expect(new Set(renewals.map(({ request_id }) => request_id)).size).toBe(renewals.length);
  });

  test("a machine that was suspended, or whose clock was put forward, renews at the next look", async () => {
    const watching = await startWatching(["a"]);
    const [before] = watching.serials("a");
    let looks = 0;
    await watching.run(() => watching.serials("a").length > 1 || looks > 3, {
      onSleep: (count) => {
        if (count === 2) watching.jump(50 * MINUTE);
        if (count > 2) looks += 1;
      },
    });
    expect(inUse(watching, "a").serial).not.toBe(before);
    expect(looks).toBe(1);
  });

  describe("with an inventory that is damaged", () => {
    const damage = (bytes: Buffer) => {
      const damaged = Buffer.from(bytes);
      damaged[damaged.indexOf('"role":"') + 8] = 0x58;
      return damaged;
    };

    test("does not begin, and leaves it as it is", async () => {
      const watching = await startWatching(["a"]);
      const { inventory } = watching.authority.layout;
      const damaged = damage(readFileSync(inventory));
      writeFileSync(inventory, damaged);
      expect(await watching.run(() => true)).toMatchObject({ code: "state" });
      expect([watching.events, watching.sleeps]).toEqual([[], []]);
      expect(readFileSync(inventory)).toEqual(damaged);
    });

    test("renews nothing by it and says so, and goes on with the backup that is put back", async () => {
      const watching = await startWatching(["a"]);
      const { inventory } = watching.authority.layout;
      const did = (action: RotationEvent["action"]) =>
        watching.events.filter((event) => event.action === action);
      const end = watching.now() + 4 * LIFETIME;
      let backup: Buffer | undefined;
      let damaged: Buffer | undefined;
      let isBack = false;
      const meanwhile: unknown[] = [];
      const ended = await watching.run(() => watching.now() >= end, {
        onSleep: async () => {
          if (did("certificate-renewed").length === 0 || isBack) return;
          if (backup === undefined) {
            backup = readFileSync(inventory);
            // what was read then is more than the backup has
            await watching.issue("b");
          } else if (damaged === undefined) {
            damaged = damage(readFileSync(inventory));
            writeFileSync(inventory, damaged);
          } else if (watching.now() >= end - LIFETIME) {
            meanwhile.push(readFileSync(inventory).equals(damaged), did("certificate-renewed").length);
            writeFileSync(inventory, backup);
            isBack = true;
          }
        },
      });
      expect(ended).toEqual(TERMINATED);
      expect(meanwhile).toEqual([true, 1]);
      const failures = did("rotation-failed");
      // two hours of looks every half a minute
      expect(failures.length).toBeGreaterThan(2);
      expect(failures.length).toBeLessThan(20);
      expect(failures[0]?.reason).toMatch(/inventory.jsonl is damaged at line \d+$/);
      expect(did("configuration-reloaded")).toHaveLength(1);
      expect(lintRecord(Buffer.from(JSON.stringify(failures[0]))).faults).toEqual([]);
      expect(did("certificate-renewed").length).toBeGreaterThan(1);
    });
  });

  test("what was renewed while the clock was ahead is renewed when that is put back", async () => {
    const watching = await startWatching(["a"]);
    let looks = 0;
    await watching.run(() => watching.serials("a").length > 2 || looks > 3, {
      onSleep: (count) => {
        if (count === 2) watching.jump(DAY);
        if (count === 4) watching.jump(-DAY);
        if (count > 4) looks += 1;
      },
    });
    expect([watching.serials("a").length, looks]).toEqual([3, 1]);
    expect(inUse(watching, "a").notBefore).toBeLessThan(watching.now());
  });

  test("a clock that is put back to before the CA began renews nothing, and keeps what it has", async () => {
    const watching = await startWatching(["a"]);
    await watching.run(() => watching.sleeps.length > 100, {
      onSleep: (count) => void (count === 2 && watching.jump(-365 * DAY)),
    });
    expect(watching.serials("a")).toHaveLength(1);
  });

  test("one that has ended is renewed within the grace period, and not after it", async () => {
    const late = await startWatching(["a"]);
    late.jump(LIFETIME + 6 * DAY);
    await late.run(() => true);
    expect(late.serials("a")).toHaveLength(2);

    const tooLate = await startWatching(["a"]);
    tooLate.jump(LIFETIME + 8 * DAY);
    await tooLate.run(() => tooLate.sleeps.length > 10);
    expect(tooLate.serials("a")).toHaveLength(1);
  });

  test("one that cannot be renewed is tried again with growing pauses, and does not hold up others", async () => {
    const watching = await startWatching(["a", "b"]);
    const files = inUse(watching, "a").files;
    systemFiles.write(files.key, "no key", { mode: 0o600 });
    watching.jump(45 * MINUTE);
    const failures = () => watching.events.filter(({ action }) => action === "rotation-failed");
    await watching.run(() => failures().length >= 6);
    expect(watching.serials("b")).toHaveLength(2);
    expect(watching.serials("a")).toHaveLength(1);
    expect(failures().every(({ certificate }) => certificate === "a")).toBe(true);
    const times = failures().map(({ timestamp }) => Date.parse(timestamp));
    const pauses = times.slice(1).map((time, i) => time - (times[i] ?? 0));
    // 0.5-1 s, 1-2 s, 2-4 s, 4-8 s, 8-16 s; events have whole seconds
    for (const [i, length] of pauses.entries()) {
      expect(length).toBeGreaterThanOrEqual(2 ** i * 500 - 1000);
      expect(length).toBeLessThanOrEqual(2 ** i * 1000 + 1000);
    }
  });

  test("a hook that fails is run again with pauses, and the certificate is not renewed for it again", async () => {
    const watching = await startWatching(["a"]);
    watching.jump(45 * MINUTE);
    const done = () => watching.events.some(({ action }) => action === "hook-done");
    await watching.run(done, { hook: true, exitCode: (call) => (call < 4 ? 1 : 0) });
    expect(watching.hooks).toEqual(Array.from({ length: 4 }, () => ["reload", "a"]));
    expect(watching.serials("a")).toHaveLength(2);
    expect(watching.events.filter(({ action }) => action === "rotation-incomplete")).toHaveLength(3);
    // and no more once it was told
    await watching.run(() => watching.sleeps.length > 50, { hook: true });
    expect(watching.hooks).toHaveLength(4);
  });

  test("a hook that hangs holds up neither other certificates nor a SIGHUP, and is waited for at the end", async () => {
    const names = ["a", "b", "c", "d", "e", "f"];
    const watching = await startWatching(names);
    const end = watching.now() + 3 * LIFETIME;
    const reloaded = () => watching.events.some(({ action }) => action === "configuration-reloaded");
    const ended = await watching.run(() => watching.now() >= end, {
      hook: true,
      hangs: "a",
      onSleep: () => {
        if (watching.now() >= end - LIFETIME && !reloaded()) watching.hangup();
      },
    });
    expect(ended).toEqual(TERMINATED);
    expect(watching.hooks.filter(([, name]) => name === "a")).toHaveLength(1);
    for (const name of names.slice(1)) {
      expect(inUse(watching, name).notAfter).toBeGreaterThan(watching.now());
      expect(watching.serials(name).length).toBeGreaterThanOrEqual(4);
    }
    expect(reloaded()).toBe(true);
    expect(watching.events.at(-1)?.action).toBe("rotation-stopped");
    // the service of the one that hung is told at the next start
    await watching.run(() => true, { hook: true });
    expect(watching.hooks.filter(([, name]) => name === "a")).toHaveLength(2);
  });

  test("a service that was never told does not keep its certificate from being renewed when it is due", async () => {
    const watching = await startWatching(["a"]);
    watching.jump(45 * MINUTE);
    await watching.run(() => watching.serials("a").length > 2, { hook: true, exitCode: () => 1 });
    expect(inUse(watching, "a").notAfter).toBeGreaterThan(watching.now() + LIFETIME - 2 * MINUTE);
  });

  test("a certificate that is not taken up is rolled back, and another is tried later", async () => {
    const watching = await startWatching(["a"]);
    const [first] = watching.serials("a");
    watching.jump(45 * MINUTE);
    const rolledBack = () => watching.events.filter(({ action }) => action === "certificate-rolled-back");
    // each time: told of the new one, which fails, and of the old one
    await watching.run(() => rolledBack().length >= 3, { hook: true, confirm: true, exitCode: () => 1 });
    expect(inUse(watching, "a").serial).toBe(first);
    expect(watching.serials("a")).toHaveLength(4);
    expect(watching.hooks).toHaveLength(6);
    expect(new Set(rolledBack().map(({ identity }) => identity?.serial))).toEqual(new Set([first]));
    expect(new Set(rolledBack().map(({ previous_serial }) => previous_serial)).size).toBe(3);
  });

  test("what was killed between the renewal and the hook is completed at the next start", async () => {
    const watching = await startWatching(["a"]);
    watching.jump(45 * MINUTE);
    await watching.run(() => true, {
      hook: true,
      exitCode: () => {
        throw new Error("killed");
      },
    });
    expect(watching.serials("a")).toHaveLength(2);
    await watching.run(() => true, { hook: true });
    expect(watching.hooks).toHaveLength(2);
    expect(watching.events.at(-2)).toMatchObject({
      action: "hook-done",
      identity: { serial: watching.serials("a")[1] },
    });
    await watching.run(() => true, { hook: true });
    expect(watching.hooks).toHaveLength(2);
  });

  test.each(["fails", "is killed"])(
    "a hook that %s after a rollback is run again at the next start, until it has told of the old one",
    async (ending) => {
      const watching = await startWatching(["a"]);
      const [first] = watching.serials("a");
      watching.jump(45 * MINUTE);
      const options = { hook: true, confirm: true };
      const rolledBack = () => watching.events.filter(({ action }) => action === "certificate-rolled-back");
      await watching.run(() => rolledBack().length > 0, {
        ...options,
        exitCode: (call) => {
          if (call === 2 && ending === "is killed") throw new Error("killed");
          return 1;
        },
      });
      expect([inUse(watching, "a").serial, watching.hooks.length]).toEqual([first, 2]);
      // nothing is due any more: what is left is to tell it
      watching.jump(-45 * MINUTE);
      const toldNow = () => watching.hooks.length - told;
      let told = watching.hooks.length;
      await watching.run(() => toldNow() > 0, { ...options, exitCode: () => 1 });
      expect([toldNow(), watching.events.at(-2)]).toMatchObject([
        1,
        { action: "rotation-incomplete", identity: { serial: first } },
      ]);
      told = watching.hooks.length;
      await watching.run(() => true, { hook: true });
      expect([toldNow(), watching.events.at(-2)]).toMatchObject([
        1,
        { action: "hook-done", identity: { serial: first } },
      ]);
      await watching.run(() => true, { hook: true });
      expect([toldNow(), watching.serials("a").length, inUse(watching, "a").serial]).toEqual([1, 2, first]);
      expect(rolledBack()).toHaveLength(1);
    },
  );

  test("asked to end while it waits for a service, it rolls nothing back, and the next start goes on", async () => {
    const watching = await startWatching(["a"]);
    const [first] = watching.serials("a");
    watching.jump(45 * MINUTE);
    const asked = () => watching.hooks.length === 1;
    expect(await watching.run(asked, { hook: true, confirm: true })).toEqual(TERMINATED);
    const [, second] = watching.serials("a");
    expect(inUse(watching, "a").serial).toBe(second);
    expect(watching.events.map(({ action }) => action)).toEqual([
      "rotation-started",
      "certificate-renewed",
      "hook-done",
      "rotation-stopped",
    ]);
    // nobody serves it: now that there is time to see that, it is rolled back
    const isBack = () => watching.events.some(({ action }) => action === "certificate-rolled-back");
    await watching.run(isBack, { hook: true, confirm: true });
    expect(watching.hooks).toHaveLength(3);
    expect(watching.serials("a")).toHaveLength(2);
    expect(inUse(watching, "a").serial).toBe(first);
  });

  test("one that is issued or renewed by hand meanwhile is noticed", async () => {
    const watching = await startWatching(["a"]);
    const end = watching.now() + 50 * MINUTE;
    let asked = false;
    await watching.run(() => watching.now() >= end, {
      onSleep: async () => {
        if (asked || watching.now() < end - 25 * MINUTE) return;
        asked = true;
        await watching.issue("a");
        await watching.issue("late");
      },
    });
    expect(watching.serials("a")).toHaveLength(2);
    const later = watching.now() + 25 * MINUTE;
    await watching.run(() => watching.now() >= later);
    expect(watching.serials("late")).toHaveLength(2);
    expect(watching.serials("a")).toHaveLength(3);
  });

  test("SIGHUP reads the configuration anew at once; one that cannot be read changes nothing", async () => {
    const watching = await startWatching(["a"]);
    const last = () => watching.events.at(-1);
    let reads = 0;
    await watching.run(() => watching.sleeps.length === 3, {
      onSleep: (count) => void (count < 3 && watching.hangup()),
      load: async (read) => {
        reads += 1;
        if (reads === 2) throw new FleetsecError("config", "it has errors", { problems: ["line 1: no"] });
        return read();
      },
    });
    expect(reads).toBe(3);
    expect(watching.events.map(({ action }) => action)).toEqual([
      "rotation-started",
      "configuration-refused",
      "configuration-reloaded",
      "rotation-stopped",
    ]);
    expect(watching.events[1]?.reason).toBe("it has errors; line 1: no");
    expect(last()).toMatchObject({ severity: "info" });
  });

  test("a configuration that cannot be read at the start ends it", async () => {
    const watching = await startWatching([]);
    const load = () => Promise.reject(new FleetsecError("config", "no"));
    expect(await watching.run(() => false, { load })).toMatchObject({ code: "config" });
    expect(watching.events).toEqual([]);
  });

  test("each step is an audit event by the rules of the log", async () => {
    const watching = await startWatching(["a"]);
    watching.jump(45 * MINUTE);
    await watching.run(() => watching.hooks.length > 5, {
      hook: true,
      confirm: true,
      exitCode: () => 1,
      onSleep: (count) => void (count === 2 && watching.hangup()),
    });
    expect(new Set(watching.events.map(({ action }) => action))).toEqual(
      new Set([
        "rotation-started",
        "certificate-renewed",
        "hook-failed",
        "certificate-rolled-back",
        "configuration-reloaded",
        "rotation-stopped",
      ]),
    );
    for (const event of watching.events) {
      expect(lintRecord(Buffer.from(JSON.stringify(event))).faults).toEqual([]);
    }
  });
});
