import { FleetsecError } from "../errors.ts";

export interface PemBlock {
  readonly label: string;
  readonly der: Uint8Array;
}

/** A file of a whole CA bundle has some hundred blocks. */
const MAX_BLOCKS = 2000;

const BLOCK = /^-----BEGIN ([A-Z0-9 ]{1,64})-----$/;

/** RFC 7468: label, base64 in lines of 64, newline at the end. */
export function encodePem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString("base64")
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}

/**
 * Reads PEM strictly (RFC 7468, figure 3): nothing outside the blocks but white space, no headers,
 * canonical base64. Linear in the length of `text`.
 * @param what what is being read, for messages: a path
 * @param labels the labels that are allowed
 * @throws FleetsecError `input`
 */
export function decodePem(text: string, what: string, labels: readonly string[]): PemBlock[] {
  const blocks: PemBlock[] = [];
  let open: { label: string; line: number; body: string[] } | undefined;
  const lines = text.split(/\r?\n/);
  for (const [index, line] of lines.entries()) {
    const trimmed = line.trimEnd();
    if (open !== undefined) {
      if (trimmed === `-----END ${open.label}-----`) {
        blocks.push({ label: open.label, der: decodeBody(open.body, what, open.line) });
        open = undefined;
      } else open.body.push(trimmed);
      continue;
    }
    if (trimmed === "") continue;
    const label = BLOCK.exec(trimmed)?.[1];
    if (label === undefined) throw notPem(what, index + 1, labels);
    if (!labels.includes(label)) throw wrongLabel(what, label, labels);
    if (blocks.length === MAX_BLOCKS) throw fault(`${what} has more than ${MAX_BLOCKS} PEM blocks`);
    open = { label, line: index + 1, body: [] };
  }
  if (open !== undefined) {
    throw fault(`${what} is cut short: the ${open.label} of line ${open.line} has no END line`);
  }
  if (blocks.length === 0) throw fault(`${what} is empty: a ${labels.join(" or ")} is expected`);
  return blocks;
}

/** The one block that `text` holds. @throws FleetsecError `input` */
export function decodeSinglePem(text: string, what: string, labels: readonly string[]): PemBlock {
  const [first, second] = decodePem(text, what, labels);
  if (first === undefined || second !== undefined) {
    throw fault(`${what} holds more than one PEM block`, "name a file with one");
  }
  return first;
}

function decodeBody(body: readonly string[], what: string, line: number): Uint8Array {
  if (body.some((part) => part.includes(":"))) {
    throw fault(
      `${what}, line ${line}: a PEM block with headers`,
      "convert an old encrypted key with openssl pkcs8 -topk8",
    );
  }
  const base64 = body.join("");
  const der = Buffer.from(base64, "base64");
  // Buffer skips what is not base64: what comes back must be what went in
  if (der.length === 0 || der.toString("base64") !== base64) {
    throw fault(`${what}, line ${line}: the PEM block is not base64`);
  }
  return der;
}

function notPem(what: string, line: number, labels: readonly string[]): FleetsecError {
  return fault(
    `${what}, line ${line}: not PEM`,
    `a file that begins with -----BEGIN ${labels[0] ?? ""}----- is expected, with nothing around the blocks`,
  );
}

function wrongLabel(what: string, label: string, labels: readonly string[]): FleetsecError {
  return fault(`${what} holds a ${label} where a ${labels.join(" or ")} is expected`);
}

function fault(message: string, hint?: string): FleetsecError {
  return new FleetsecError("input", message, { hint });
}
