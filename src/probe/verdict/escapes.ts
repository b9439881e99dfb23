/** So often may a text be escaped: as a text in JSON, which stands in a script, which a page shows. */
const MAX_LAYERS = 8;

const MAX_CODE_POINT = 0x10_ff_ff;

/** What templates write by name: markup, and the upper half of Latin-1, from 0xa0 (HTML 4.01, section 24). */
const NAMES: ReadonlyMap<string, number> = new Map([
  ...Object.entries({ quot: 0x22, amp: 0x26, apos: 0x27, lt: 0x3c, gt: 0x3e }),
  ...`nbsp iexcl cent pound curren yen brvbar sect uml copy ordf laquo not shy reg macr deg plusmn sup2 sup3 acute
    micro para middot cedil sup1 ordm raquo frac14 frac12 frac34 iquest Agrave Aacute Acirc Atilde Auml Aring AElig
    Ccedil Egrave Eacute Ecirc Euml Igrave Iacute Icirc Iuml ETH Ntilde Ograve Oacute Ocirc Otilde Ouml times Oslash
    Ugrave Uacute Ucirc Uuml Yacute THORN szlig agrave aacute acirc atilde auml aring aelig ccedil egrave eacute
    ecirc euml igrave iacute icirc iuml eth ntilde ograve oacute ocirc otilde ouml divide oslash ugrave uacute ucirc
    uuml yacute thorn yuml`
    .split(/\s+/)
    .map((name, i) => [name, 0xa0 + i] as const),
]);

/** What stands for a character in a page (HTML, section 13.2.5.72): a browser takes a number without its end too. */
const REFERENCE = /&#[xX]([\da-fA-F]+);?|&#(\d+);?|&([A-Za-z]\w{1,7});/g;

/**
 * Without what a page writes in place of characters.
 * @param text bytes, as Latin-1
 */
export function withoutReferences(text: string): string {
  return text.replace(REFERENCE, (whole, hex?: string, decimal?: string, name = "") => {
    const code =
      hex === undefined && decimal === undefined
        ? (NAMES.get(name) ?? NAMES.get(name.toLowerCase()))
        : Number.parseInt(hex ?? decimal ?? "", hex === undefined ? 10 : 16);
    return code === undefined || code > MAX_CODE_POINT ? whole : utf8(String.fromCodePoint(code));
  });
}

/** As in JSON and in scripts (ECMA-262, section 12.9.4), and in URLs and cookies (RFC 3986, section 2.1). */
const ESCAPE = /((?:\\u[\da-fA-F]{4})+)|\\u\{0*([\da-fA-F]{1,6})\}|(?:\\x|%)([\da-fA-F]{2})|\\([^])/g;

const CONTROLS = new Map(
  Object.entries({ b: "\b", f: "\f", n: "\n", r: "\r", t: "\t", v: "\v", 0: "\0", "\n": "" }),
);

function withoutEscapes(text: string): string {
  return text.replace(ESCAPE, (whole, units?: string, point?: string, byte?: string, other = "") => {
    if (units !== undefined) return utf8(String(JSON.parse(`"${units}"`)));
    if (byte !== undefined) return String.fromCodePoint(Number.parseInt(byte, 16));
    if (point === undefined) return CONTROLS.get(other) ?? other;
    const code = Number.parseInt(point, 16);
    return code > MAX_CODE_POINT ? whole : utf8(String.fromCodePoint(code));
  });
}

function utf8(character: string): string {
  // oxlint-disable-next-line no-control-regex
  return /^[\0-\u007f]*$/.test(character) ? character : Buffer.from(character, "utf8").toString("latin1");
}

/**
 * What a text says, however it is written: no character of it is escaped, and white space, which programs put
 * around the punctuation of JSON or leave out there, is the least.
 * @param text bytes, as Latin-1
 */
export function plain(text: string): string {
  let read = text;
  for (let layer = 0; layer < MAX_LAYERS; layer += 1) {
    const inner = withoutEscapes(withoutReferences(read));
    if (inner === read) break;
    read = inner;
  }
  return read
    .replaceAll(/\s+/g, " ")
    .replaceAll(/ ?([[\]{}:,]) ?/g, "$1")
    .trim();
}
