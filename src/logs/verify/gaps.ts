/** Longer runs of missing things are reported as one. */
const MAX_SINGLE = 100;

/** Ranges of 0…count-1 that the ascending numbers leave out, first and last number of each. */
export function* gapsIn(numbers: readonly number[], count: number): Generator<readonly [number, number]> {
  let next = 0;
  for (const number of numbers) {
    if (number >= count) break;
    if (number > next) yield [next, number - 1];
    next = number + 1;
  }
  if (next < count) yield [next, count - 1];
}

/** Reports short ranges number by number and long ones as a whole. */
export function reportGaps(
  gaps: Iterable<readonly [number, number]>,
  report: (from: number, to: number) => void,
): void {
  for (const [from, to] of gaps) {
    if (to - from >= MAX_SINGLE) report(from, to);
    else for (let number = from; number <= to; number++) report(number, number);
  }
}
