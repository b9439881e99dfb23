/**
 * How often something is tried: a sample in `npm test`, and the long form with FLEETSEC_SOAK=1
 * (`npm run soak`, whose list of files has to name those that ask).
 */
export function soaked(sample: number, long: number): number {
  return process.env["FLEETSEC_SOAK"] === "1" ? long : sample;
}
