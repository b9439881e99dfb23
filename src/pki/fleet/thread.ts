import type { KeyObject } from "node:crypto";
import type { ThreadPool } from "../../platform/threads.ts";
import { type Authority, caGeneration, type PkiSettings } from "../authority.ts";
import { type EncodedKey, newEcKey } from "../ec-key.ts";
import { privateKeyPem } from "../key-file.ts";
import { generateKey, keySigner, type KeyType, spkiOf } from "../keys.ts";
import { leafSigner } from "../leaf.ts";
import type { IssuePlan } from "../plan.ts";
import type { PkiPlatform } from "../state.ts";
import { parseCertificate } from "../verify/certificate.ts";
import { type Maker, maker, type Place, type PreparedBatch } from "./maker.ts";

/** What a thread needs to issue as a CA: nothing but its key is secret. */
interface CaData {
  readonly settings: PkiSettings;
  readonly generation: number;
  /** DER. */
  readonly root: Uint8Array;
  readonly issuing: Uint8Array;
  readonly privateKey: KeyObject;
}

/** What a thread is told: first of all, which CA it works for. */
type FleetInput =
  | { readonly ca: CaData }
  | { readonly prepare: readonly IssuePlan[] }
  | { readonly write: readonly Place[]; readonly durable: boolean };

/** A maker in a thread of its own, which `pool` has. */
export async function threadMaker(
  pool: ThreadPool,
  { current }: Authority,
  settings: PkiSettings,
  privateKey: KeyObject,
): Promise<Maker> {
  const { number: generation, root, issuing } = current;
  const run = (input: FleetInput) => pool.run(input);
  await run({ ca: { settings, generation, root: root.der, issuing: issuing.der, privateKey } });
  return {
    prepare: async (plans) => (await run({ prepare: plans })) as PreparedBatch,
    write: async (places, durable) => (await run({ write: places, durable })) as readonly number[],
  };
}

/** The other side: what the thread does. */
export function fleetTask(platform: PkiPlatform): (input: FleetInput) => Promise<unknown> {
  let own: Maker | undefined;
  return async (input) => {
    if ("ca" in input) {
      own = makerFor(platform, input.ca);
      return undefined;
    }
    if (own === undefined) throw new Error("the thread was told of no CA");
    return "prepare" in input ? own.prepare(input.prepare) : own.write(input.write, input.durable);
  };
}

function makerFor(platform: PkiPlatform, { settings, generation, root, issuing, privateKey }: CaData): Maker {
  const signer = keySigner(privateKey);
  const authority = {
    current: caGeneration(
      generation,
      parseCertificate(root, "root"),
      parseCertificate(issuing, "issuing CA"),
    ),
    signer: () => Promise.resolve(signer),
  };
  const signLeaf = leafSigner(platform, authority, settings);
  return maker(platform.files, async (plan) => {
    const key = newEcKey(plan.keyType) ?? (await anyKey(plan.keyType));
    return { signed: await signLeaf(plan, key.spki), key: key.pem };
  });
}

async function anyKey(type: KeyType): Promise<EncodedKey> {
  const { privateKey } = await generateKey(type);
  return { spki: spkiOf(privateKey), pem: privateKeyPem(privateKey) };
}
