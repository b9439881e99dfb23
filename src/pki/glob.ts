/**
 * Whether `text` matches a glob: `*` stands for anything but `/`, `**` for anything at all, and
 * every other character for itself. Takes time proportional to the product of both lengths, whatever
 * they hold.
 */
export function globMatches(glob: string, text: string): boolean {
  // what comes before the first star is compared at once: mostly that decides, or nearly
  const star = glob.indexOf("*");
  if (star < 0) return glob === text;
  return text.startsWith(glob.slice(0, star)) && patternMatches(glob.slice(star), text.slice(star));
}

function patternMatches(glob: string, text: string): boolean {
  if (glob === "**") return true;
  const tokens = glob.match(/\*\*|[\s\S]/g) ?? [];
  // which prefixes of `text` the tokens so far can stand for
  let reachable = Array.from({ length: text.length + 1 }, (_, i) => i === 0);
  for (const token of tokens) {
    const next: boolean[] = [];
    for (let end = 0; end <= text.length; end += 1) {
      const last = text[end - 1];
      if (token === "**" || token === "*") {
        const extended = end > 0 && next[end - 1] === true && (token === "**" || last !== "/");
        next.push(reachable[end] === true || extended);
      } else next.push(end > 0 && reachable[end - 1] === true && last === token);
    }
    reachable = next;
  }
  return reachable[text.length] === true;
}
