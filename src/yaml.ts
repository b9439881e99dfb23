import { Composer, Document, Lexer, type LineCounter, Parser, YAMLParseError } from "yaml";

/** Collections within collections: more than any honest file has, and far from the end of the stack. */
const MAX_DEPTH = 200;

/**
 * Reads one YAML document, of which nothing is trusted: the library composes by recursion, and so the
 * depth is measured first, as the tokens come. Never throws: faults are in the document's `errors`, and
 * tags that nobody defined in its `warnings`.
 */
export function parseYaml(text: string, lineCounter?: LineCounter): Document {
  const parser = new Parser(lineCounter?.addNewLine);
  lineCounter?.addNewLine(0);
  const tokens = [];
  for (const lexeme of new Lexer().lex(text)) {
    tokens.push(...parser.next(lexeme));
    if (parser.stack.length > MAX_DEPTH) {
      return withFault(new Document(), parser.offset, "RESOURCE_EXHAUSTION", "nested too deeply");
    }
  }
  tokens.push(...parser.end());
  const composer = new Composer({ uniqueKeys: true, merge: false, prettyErrors: false });
  const [document = new Document(), second] = composer.compose(tokens, true, text.length);
  if (second === undefined) return document;
  return withFault(document, second.range[0], "MULTIPLE_DOCS", "there is a second document");
}

function withFault(document: Document, at: number, code: YAMLParseError["code"], message: string): Document {
  document.errors.push(new YAMLParseError([at, at + 1], code, message));
  return document;
}
