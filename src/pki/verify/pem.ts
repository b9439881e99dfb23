import { FleetsecError } from "../../errors.ts";
import { type Certificate, parseCertificate } from "./certificate.ts";
import { type Crl, parseCrl } from "./crl.ts";

/** Bytes of a file of certificates, and how many it may hold: twice what a public trust store has. */
export const MAX_CERTIFICATE_FILE = 4 << 20;
const MAX_CERTIFICATES = 1000;

/** Bytes of a CRL file: room for a million entries. */
export const MAX_CRL_FILE = 64 << 20;
const MAX_CRLS = 100;

/**
 * The certificates in a PEM or DER file, in its order; at least one. PEM blocks of other kinds (the
 * key of a bundle, for one) are passed over.
 * @param what names the file in errors
 * @throws FleetsecError `input`
 */
export function readCertificates(data: Uint8Array, what: string): Certificate[] {
  return readAll(
    data,
    what,
    { label: "CERTIFICATE", noun: "certificate", max: MAX_CERTIFICATES },
    parseCertificate,
  );
}

/** The CRLs in a PEM or DER file; at least one. @throws FleetsecError `input` */
export function readCrls(data: Uint8Array, what: string): Crl[] {
  return readAll(data, what, { label: "X509 CRL", noun: "CRL", max: MAX_CRLS }, parseCrl);
}

interface Kind {
  readonly label: string;
  readonly noun: string;
  readonly max: number;
}

function readAll<T>(
  data: Uint8Array,
  what: string,
  kind: Kind,
  parse: (der: Uint8Array, what: string) => T,
): T[] {
  if (data.length === 0)
    throw new FleetsecError("input", `${what} is empty`, { hint: `name a ${kind.noun}` });
  return blocksOf(data, what, kind).map((der, index, all) =>
    parse(der, all.length === 1 ? `${kind.noun} in ${what}` : `${kind.noun} ${index + 1} of ${what}`),
  );
}

/** The DER of every block of the kind. */
function blocksOf(data: Uint8Array, what: string, kind: Kind): Uint8Array[] {
  // a SEQUENCE of 128 bytes or more: the second octet is in no PEM text
  if (data[0] === 0x30 && (data[1] ?? 0) > 0x7f) return [data];
  const text = Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("latin1");
  const blocks: Uint8Array[] = [];
  const passed = new Set<string>();
  for (const { label, body } of pemBlocks(text, what)) {
    if (label !== kind.label) {
      passed.add(label);
      continue;
    }
    if (blocks.length === kind.max) {
      throw new FleetsecError("input", `${what} holds more than ${kind.max} ${kind.noun}s`, {
        hint: "split it, or name only those that belong to the path",
      });
    }
    blocks.push(decodeBase64(body, what));
  }
  if (blocks.length === 0) throw nothingFound(what, kind, passed);
  return blocks;
}

function nothingFound(what: string, kind: Kind, passed: ReadonlySet<string>): FleetsecError {
  const found = [...passed].slice(0, 3).join(", ");
  const message =
    passed.size === 0 ? `${what} holds no ${kind.noun}` : `${what} holds no ${kind.noun} but ${found}`;
  const secret = [...passed].some((label) => label.endsWith("PRIVATE KEY"));
  return new FleetsecError("input", message, {
    hint: secret ? `that is a private key: name the ${kind.noun}` : `name a PEM or DER file of ${kind.noun}s`,
  });
}

function* pemBlocks(text: string, what: string): Generator<{ label: string; body: string }> {
  const begin = /^-----BEGIN ([A-Z0-9 ]{1,40})-----[ \t]*\r?$/gm;
  for (let match = begin.exec(text); match !== null; match = begin.exec(text)) {
    const [line, label = ""] = match;
    const start = match.index + line.length;
    const end = text.indexOf(`\n-----END ${label}-----`, start);
    if (end === -1) {
      throw new FleetsecError("input", `${what} is truncated: ${label} has no end`, {
        hint: "copy the file again, with its last line",
      });
    }
    yield { label, body: text.slice(start, end) };
    begin.lastIndex = end + 1;
  }
}

/** Canonical base64 in lines (RFC 7468). */
function decodeBase64(body: string, what: string): Uint8Array {
  const base64 = body.replace(/[\r\n\t ]/g, "");
  const der = Buffer.from(base64, "base64");
  // Buffer passes over what is not base64: only what it gives back unchanged was
  if (base64 === "" || der.toString("base64") !== base64) {
    throw new FleetsecError("input", `${what} holds PEM that is not base64`, { hint: "copy the file again" });
  }
  return der;
}
