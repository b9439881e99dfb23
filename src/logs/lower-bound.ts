/** The first of 0…length-1 that is far enough, where all after it are too; `length` where none is. */
export function lowerBound(length: number, farEnough: (i: number) => boolean): number {
  let low = 0;
  let high = length;
  while (low < high) {
    const mid = (low + high) >>> 1;
    if (farEnough(mid)) high = mid;
    else low = mid + 1;
  }
  return low;
}
