import type { Files } from "../../platform/files.ts";
import { nextGeneration, writeGeneration } from "../generations.ts";
import type { IssueRecord } from "../inventory-line.ts";
import type { SignedLeaf } from "../leaf.ts";
import type { IssuePlan } from "../plan.ts";

/** Where a certificate of the batch goes. */
export interface Place {
  /** In the batch. */
  readonly index: number;
  /** Of NAME. */
  readonly directory: string;
}

export interface PreparedBatch {
  /** In the order of the plans. */
  readonly records: readonly IssueRecord[];
  /** PEM of the CAs between them and a root; undefined where the batch is empty. */
  readonly chain: string | undefined;
}

/**
 * Makes keys and certificates a batch at a time and writes their files. Keys stay where they are
 * made: only the maker ever has them.
 */
export interface Maker {
  /** Makes a batch in memory, in place of the one before. */
  prepare(plans: readonly IssuePlan[]): Promise<PreparedBatch>;
  /** Writes of that batch what is to be kept; gives the generations in the order of `places`. */
  write(places: readonly Place[], durable: boolean): Promise<readonly number[]>;
}

/** A certificate that is signed, and its key, PKCS #8 PEM. */
export interface MadeCertificate {
  readonly signed: SignedLeaf;
  readonly key: string;
}

export function maker(files: Files, make: (plan: IssuePlan) => Promise<MadeCertificate>): Maker {
  let batch: readonly MadeCertificate[] = [];
  return {
    async prepare(plans) {
      const made: MadeCertificate[] = [];
      for (const plan of plans) made.push(await make(plan));
      batch = made;
      return { records: batch.map(({ signed }) => signed.record), chain: made.at(-1)?.signed.chain };
    },
    async write(places, durable) {
      return places.map(({ index, directory }) => {
        const made = batch[index];
        if (made === undefined) throw new Error(`no certificate ${index} in the batch`);
        const { cert, chain } = made.signed;
        const generation = nextGeneration(files, directory);
        writeGeneration(files, directory, generation, { cert, chain, key: made.key }, { durable });
        return generation;
      });
    },
  };
}
