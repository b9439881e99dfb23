import * as fc from "fast-check";
import type { RotatingWorld } from "./follow/rotating-world.ts";

/** What happens to the log while it is read. */
export type Step =
  | { readonly kind: "lines"; readonly count: number }
  | { readonly kind: "half line" }
  /** Another file comes under the name at once, or with the next line. */
  | { readonly kind: "rename"; readonly create: boolean }
  /** The writer has its file still open while another one stands under the name, or none. */
  | { readonly kind: "late rename"; readonly create: boolean; readonly count: number }
  | { readonly kind: "copytruncate"; readonly part: number }
  /** Rotated files are compressed, but for so many of the newest. */
  | { readonly kind: "compress"; readonly delay: number }
  | { readonly kind: "time"; readonly ms: number }
  /**
   * The signer is killed; so many steps later it runs again. Before that rotated files may be compressed, but for so
   * many of the newest.
   */
  | { readonly kind: "kill"; readonly down: number; readonly delay?: number | undefined };

export const steps: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({ kind: fc.constant("lines" as const), count: fc.integer({ min: 1, max: 4 }) }),
  },
  { weight: 2, arbitrary: fc.constant({ kind: "half line" as const }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant("rename" as const), create: fc.boolean() }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("late rename" as const),
      create: fc.boolean(),
      count: fc.integer({ min: 0, max: 3 }),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant("copytruncate" as const),
      part: fc.double({ min: 0, max: 1, noNaN: true }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant("compress" as const), delay: fc.integer({ min: 0, max: 2 }) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant("time" as const), ms: fc.constantFrom(1_000, 70_000) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant("kill" as const),
      down: fc.integer({ min: 0, max: 4 }),
      delay: fc.option(fc.integer({ min: 0, max: 1 }), { freq: 1, nil: undefined }),
    }),
  },
);

export const LOG = "a.log";

export interface Rotation {
  /** Where renamed files go: "" or a directory's name and a slash. */
  readonly old: string;
  /**
   * How many rotated files are kept. What is not signed stays longer, and so does the newest of which something
   * is: by that a signer that starts knows the log again.
   */
  readonly keep: number;
  /** The lines that are signed. */
  readonly signedNow: () => ReadonlySet<string>;
  /**
   * Of the same, lines that may be signed, where rotated files are compressed though lines of them are not: only
   * those after which nothing is signed.
   */
  readonly carelessAfter?: () => ReadonlySet<string> | undefined;
}

/** The writer of a log, and the rotation of its files, in small actions that others come between. */
export function writerOf(world: RotatingWorld, { old, keep, signedNow, carelessAfter }: Rotation) {
  const written: { readonly generation: number; readonly line: string }[] = [];
  let [generation, half] = [0, ""];
  let open: ReturnType<RotatingWorld["handle"]> | undefined = world.handle(LOG);
  const handle = () => (open ??= world.handle(LOG));
  const line = (text: string): void => {
    handle().write(`${half === "" ? text : ` ${text}`}\n`);
    written.push({ generation, line: half === "" ? text : `${half} ${text}` });
    half = "";
  };
  const number = () => `line ${written.length} ${"x".repeat((written.length * 7) % 40)}`;
  const linesIn = (name: string): string[] =>
    world.has(name) ? world.text(name).split("\n").filter(Boolean) : [];
  const names = Array.from({ length: 31 }, (_, n) => (n === 0 ? LOG : `${old}${LOG}.${n}`));
  const shift = (): void => {
    const signed = signedNow();
    const newest = names.findIndex((name) => linesIn(name).some((text) => signed.has(text)));
    for (let n = 30; n > 0; n -= 1) {
      const name = names[n] as string;
      if (!world.has(name)) continue;
      const isToDrop = n >= keep && n > newest && linesIn(name).every((text) => signed.has(text));
      if (isToDrop) world.remove(name);
      else world.rename(name, `${old}${LOG}.${n + 1}`);
    }
  };
  const compress = (delay: number): void => {
    const [signed, taken] = [signedNow(), carelessAfter?.()];
    const newest = taken && names.findIndex((name) => linesIn(name).some((text) => taken.has(text)));
    for (const [n, name] of names.entries()) {
      if (n <= delay || !world.has(name)) continue;
      const isCareless = newest !== undefined && (newest < 0 || n <= newest);
      if (!isCareless && !linesIn(name).every((text) => signed.has(text))) continue;
      world.write(`${name}.gz`, "compressed");
      world.remove(name);
    }
  };
  const rename = (): void => {
    if (!world.has(LOG)) return;
    shift();
    world.rename(LOG, `${old}${LOG}.1`);
  };
  const close = (): void => {
    generation += 1;
    open?.close();
    open = undefined;
  };
  const reopen = (): void => {
    close();
    handle();
  };
  /** Rotation comes between lines. */
  const complete = (): void => {
    if (half !== "") line("end");
  };
  const actionsOf = (step: Step): (() => void)[] => {
    switch (step.kind) {
      case "lines":
        return Array.from({ length: step.count }, () => () => line(number()));
      case "half line":
        return [
          () => {
            complete();
            half = number();
            handle().write(half);
          },
        ];
      case "rename":
        return [
          complete,
          rename,
          () => {
            close();
            if (step.create) handle();
          },
        ];
      case "late rename":
        return [
          complete,
          handle,
          rename,
          ...(step.create ? [() => world.write(LOG, "")] : []),
          ...Array.from({ length: step.count }, () => () => line(number())),
          reopen,
        ];
      case "copytruncate":
        return [
          handle,
          () => (complete(), shift(), world.copy(LOG, `${LOG}.1`, step.part)),
          () => world.copy(LOG, `${LOG}.1`, 1),
          () => (world.truncate(LOG), reopen()),
        ];
      case "compress":
        return [() => compress(step.delay)];
      default:
        return [];
    }
  };
  /** Whether a line stands in a file that is not compressed. */
  const isThere = (text: string): boolean => names.some((name) => linesIn(name).includes(text));
  return { written, actionsOf, complete, compress, isThere };
}
