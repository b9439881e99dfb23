/**
 * Makes text from outside (certificate names, log lines, server banners) safe to display:
 * control characters, bidirectional overrides and lone surrogates become `\u{…}`.
 */
export function escapeText(text: string, options: { newlines?: boolean } = {}): string {
  return text.replace(UNSAFE, (character) =>
    character === "\n" && options.newlines === true
      ? character
      : `\\u{${character.codePointAt(0)?.toString(16)}}`,
  );
}

// C0, DEL, C1; Unicode Cf (bidirectional controls, zero width, BOM), line and paragraph separators; surrogates;
// the two noncharacters that XML forbids.
// eslint-disable-next-line no-control-regex
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u2028\u2029\ufffe\uffff]|\p{Cf}|\p{Cs}/gu;

/**
 * Text for a log that GitHub Actions reads line by line: nothing in it is a workflow command, whether
 * `::name::` at the beginning of a line or `##[name]` anywhere.
 */
export function withoutWorkflowCommands(text: string): string {
  return text.replace(/^([^\S\n]*):(?=:)/gm, "$1\\u{3a}").replaceAll("##[", "#\\u{23}[");
}
