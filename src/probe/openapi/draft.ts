import { FleetsecError } from "../../errors.ts";
import { members, type OpenApi } from "./document.ts";

/** Characters that one request is made of, and all of a document's. A small document can demand any number. */
const MAX_REQUEST = 1 << 18;
const MAX_ALL = 1 << 25;
/** What a value costs beside its characters: time is spent on one that is left out, too. */
const VALUE = 8;

/** A document while a request is made of it. */
export interface Draft extends OpenApi {
  /**
   * Takes account of a value that is looked at or made.
   * @throws FleetsecError `input` where the request is too large, or all requests together
   */
  spend(characters: number): void;
  /** The members of an object, or of nothing; each is taken account of. */
  members(value: unknown): ReturnType<typeof members>;
  /** A value of the document's own, all of it: a few words can ask for one a thousand times. */
  taken<T>(value: T): T;
}

/** @returns a function that begins the next request */
export function draftsOf(api: OpenApi): () => Draft {
  let all = 0;
  return () => {
    let own = 0;
    const spend = (characters: number) => {
      const cost = VALUE + characters;
      own += cost;
      // one that would be far too large takes no more from the others than the largest
      all += Math.min(cost, MAX_REQUEST);
      if (own > MAX_REQUEST) throw unaskable(`what it demands is more than ${MAX_REQUEST >> 10} KiB`);
      if (all > MAX_ALL) throw unaskable("what the document demands of all requests together is too much");
    };
    const countedMembers = (value: unknown) => {
      const found = members(value);
      spend(found.length);
      return found;
    };
    const taken = <T>(value: T): T => {
      spend(typeof value === "string" ? value.length : 0);
      if (Array.isArray(value)) for (const item of value) taken(item);
      for (const [key, inner] of countedMembers(value)) {
        spend(key.length);
        taken(inner);
      }
      return value;
    };
    return { ...api, spend, members: countedMembers, taken };
  };
}

/** Why an operation cannot be asked. */
export function unaskable(why: string): FleetsecError {
  return new FleetsecError("input", why);
}
