import { beforeAll, describe, expect, test } from "vitest";
import { forgery } from "../../src/probe/identities/forgery.ts";
import { differences, selectionOf } from "../../src/probe/selection.ts";
import { atPort, parseTarget, type Target } from "../../src/probe/target.ts";
import { selection } from "../report/support/fixtures.ts";
import { materialOf, newWorld, requestFor, selected, type World } from "./support/probing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const [a, b] = [parseTarget("https://a.example/"), parseTarget("https://b.example/")];
const beside = atPort(b, 9443);
const guarded: Target = { ...b, expected: [{ role: "truck", outcome: "denied" }] };

/** What a run is asked for that tries `no-cert` at one target, but for what is changed. */
const asked = (changes: Parameters<typeof requestFor>[2]) => {
  const bare = forgery({ ...materialOf(world), ca: undefined });
  return selectionOf(requestFor(world, a.url, { attacks: selected("no-cert"), forgery: bare, ...changes }));
};

describe("what a run is asked to try", () => {
  test("is told as it was asked for", async () => {
    const [noCert, noEku] = selected("no-cert", "no-eku");
    const identity = await forgery(materialOf(world)).controlIn([]);
    if (noCert === undefined || noEku === undefined || identity === undefined) throw new Error("none");
    expect(asked({})).toEqual(selection());
    expect(asked({ attacks: [noCert, noEku] })).toEqual(selection({ attacks: ["no-cert", "no-eku"] }));
    expect(asked({ attacks: [noCert, { ...noEku, weight: "required" }] })).toEqual(
      selection({ attacks: ["no-cert", "no-eku"], required: ["no-eku"] }),
    );
    expect(asked({ supplied: new Map([["revoked", identity]]) }).identities).toEqual(["revoked"]);
    expect(asked({ forgery: forgery(materialOf(world)) }).clientCa).toBe(true);
    expect(asked({ canary: "hello" }).canary).toBe(true);
    expect(asked({ certificates: ["client sha256:ab"] }).certificates).toEqual(["client sha256:ab"]);
    expect(asked({ timeout: 1500 }).timeout).toBe(1.5);
    expect(asked({ targets: [{ ...a, unsafeMethods: true }] }).unsafeMethods).toBe(true);
  });

  test("is the same for each part of the targets", () => {
    const named = { ...a, serverName: "gateway.internal" };
    const first = asked({ targets: [named], elsewhere: [guarded, beside] });
    expect(first).toMatchObject({
      serverNames: ["https://a.example/ as gateway.internal"],
      siblings: ["https://b.example:9443/"],
      expectations: ["https://b.example/: truck is denied"],
    });
    expect(asked({ targets: [guarded, beside], elsewhere: [named] })).toEqual(first);
  });

  test("differs in what one alone was asked for", () => {
    const [one, other] = [selection({ attacks: ["no-cert", "revoked"] }), selection({ canary: true })];
    expect(differences(["1", one], ["2", one])).toEqual([]);
    expect(differences(["1", one], ["2", other])).toEqual([
      "attacks in 1 alone: revoked",
      "given in 2 alone: a canary",
    ]);
  });
});
