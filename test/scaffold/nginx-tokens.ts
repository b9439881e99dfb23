/**
 * The tokens of an nginx configuration, as ngx_conf_read_token (src/core/ngx_conf_file.c) splits
 * them. Written from that function's rules, and knowing nothing of our quoting.
 */
export function nginxTokens(text: string): string[] {
  const tokens: string[] = [];
  let at = 0;
  while (at < text.length) {
    const character = text[at] ?? "";
    if (" \t\r\n".includes(character)) at += 1;
    else if (";{}".includes(character)) {
      tokens.push(character);
      at += 1;
    } else if (character === "#") {
      const end = text.indexOf("\n", at);
      at = end < 0 ? text.length : end;
    } else {
      const [token, next] = readToken(text, at);
      tokens.push(token);
      at = next;
    }
  }
  return tokens;
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  "\\": "\\",
  t: "\t",
  r: "\r",
  n: "\n",
};

function readToken(text: string, start: number): [string, number] {
  const quote = text[start] === '"' || text[start] === "'" ? text[start] : undefined;
  let token = "";
  for (let at = quote === undefined ? start : start + 1; ; at += 1) {
    const character = text[at];
    if (character === undefined) throw new Error("unexpected end of file");
    if (character === "\\") {
      const escaped = ESCAPES[text[at + 1] ?? ""];
      // an unknown escape keeps its backslash
      token += escaped ?? `\\${text[at + 1]}`;
      at += 1;
    } else if (character === quote) {
      // a closing quote must be followed by a delimiter
      if (!/[\s;{)]/.test(text[at + 1] ?? "")) throw new Error(`unexpected "${text[at + 1]}"`);
      return [token, at + 1];
    } else if (quote === undefined && /[\s;{]/.test(character)) return [token, at];
    else token += character;
  }
}
