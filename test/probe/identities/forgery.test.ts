import { beforeAll, describe, expect, test } from "vitest";
import { encodeName } from "../../../src/pki/name.ts";
import { forgery } from "../../../src/probe/identities/forgery.ts";
import { issuerFromClient, issuerOf } from "../../../src/probe/identities/issuer.ts";
import { selfSignedLeaf } from "../../../src/probe/attacks/self-signed.ts";
import { materialOf, newWorld, signing, type World } from "../support/probing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

/** Forges, beside a valid client. */
function forging() {
  const forged = forgery(materialOf(world));
  const [valid] = forged.control?.chain ?? [];
  if (valid === undefined) throw new Error("no valid client");
  return { forged, valid };
}

describe("a forged leaf has the valid client's serial number and key identifier, and another key", () => {
  test.each([
    ["self-signed", async () => selfSignedLeaf(forging().forged, "p256")],
    [
      "of another CA",
      async () => {
        const { forged } = forging();
        const issuer = await forged.authority("p256", encodeName([{ type: "CN", value: "stranger" }]));
        return forged.leaf({ family: "p256", issuer });
      },
    ],
    [
      "of the clients' CA",
      async () => forging().forged.leaf({ family: "p256", issuer: issuerOf(signing(world.ca)) }),
    ],
  ])("%s", async (_what, forge) => {
    const { valid } = forging();
    const [leaf] = (await forge()).chain;
    expect(leaf.serial).toBe(valid.serial);
    expect(valid.subjectKeyId).toBeDefined();
    expect(leaf.subjectKeyId).toBe(valid.subjectKeyId);
    expect(leaf.spki).not.toEqual(valid.spki);
  });

  test("but not that key identifier below the client itself: it would pass for self-signed", async () => {
    const { forged, valid } = forging();
    const control = forged.control;
    if (control === undefined) throw new Error("no valid client");
    const [leaf] = (await forged.leaf({ family: "p256", issuer: issuerFromClient(control) })).chain;
    expect(leaf.serial).toBe(valid.serial);
    expect(leaf.authorityKeyId?.keyId).toBe(valid.subjectKeyId);
    expect(leaf.subjectKeyId).not.toBe(valid.subjectKeyId);
  });
});

test("without a valid client, each leaf has a serial number of its own", async () => {
  const forged = forgery({ ...materialOf(world), client: undefined, reissue: undefined });
  const issuer = issuerOf(signing(world.ca));
  const [one] = (await forged.leaf({ family: "p256", issuer })).chain;
  const [other] = (await forged.leaf({ family: "p256", issuer, purposes: [] })).chain;
  expect(one.serial).not.toBe(other.serial);
});
