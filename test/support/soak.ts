/**
 * How often something is tried: a sample in `npm test`, and the long form with FLEETSEC_SOAK=1
 * (`npm run soak`, whose list of files has to name those that ask).
 */
export function soaked(sample: number, long: number): number {
  return isSoak() ? long : sample;
}

/**
 * For fast-check: how many cases are drawn. The sample is drawn from `seed` and the same in every run, the long
 * form is another one each time; FLEETSEC_RUNS and FLEETSEC_SEED say otherwise.
 */
export function drawn(sample: number, long: number, seed: number): { numRuns: number; seed?: number } {
  const { FLEETSEC_RUNS = soaked(sample, long), FLEETSEC_SEED = isSoak() ? undefined : seed } = process.env;
  const numRuns = Number(FLEETSEC_RUNS);
  return FLEETSEC_SEED === undefined ? { numRuns } : { numRuns, seed: Number(FLEETSEC_SEED) };
}

function isSoak(): boolean {
  return process.env["FLEETSEC_SOAK"] === "1";
}
