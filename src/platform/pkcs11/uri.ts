import { FleetsecError } from "../../errors.ts";

/** A PKCS#11 URI (RFC 7512) of a private key, or of the token that one is to be made in. */
export interface Pkcs11Uri {
  /** The token's label. */
  readonly token?: string;
  readonly manufacturer?: string;
  readonly serial?: string;
  readonly model?: string;
  readonly slotId?: number;
  /** CKA_LABEL. */
  readonly object?: string;
  /** CKA_ID, in hexadecimal. */
  readonly id?: string;
  /** The library. */
  readonly modulePath?: string;
  /** A file with the PIN on its one line. */
  readonly pinSource?: string;
}

const MAX_LENGTH = 4096;

/** Characters of a value (section 2.3): pk11-pchar and pk11-qchar. Linear: no character is tried twice. */
const PATH_VALUE = /^(?:[A-Za-z0-9._~:[\]@!$'()*+,=&-]|%[0-9A-Fa-f]{2})*$/;
const QUERY_VALUE = /^(?:[A-Za-z0-9._~:[\]@!$'()*+,=/?|-]|%[0-9A-Fa-f]{2})*$/;

const PATH_ATTRIBUTES: Readonly<Record<string, keyof Pkcs11Uri>> = {
  token: "token",
  manufacturer: "manufacturer",
  serial: "serial",
  model: "model",
  object: "object",
  "slot-id": "slotId",
  id: "id",
};

const QUERY_ATTRIBUTES: Readonly<Record<string, keyof Pkcs11Uri>> = {
  "module-path": "modulePath",
  "pin-source": "pinSource",
};

/**
 * Reads a URI strictly: each attribute once, known, and in characters that RFC 7512 allows.
 * @throws FleetsecError `usage`
 */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  const [, path = "", query] = /^pkcs11:([^?]*)(?:\?(.*))?$/s.exec(text) ?? [];
  if (!text.startsWith("pkcs11:") || text.length > MAX_LENGTH) {
    throw malformed("it does not begin with pkcs11:, or is too long");
  }
  const found = new Map<keyof Pkcs11Uri | "type", string | number>();
  const take = (name: keyof Pkcs11Uri | "type", value: string | number) => {
    if (found.has(name)) throw malformed(`${name} stands there twice`);
    found.set(name, value);
  };
  for (const part of partsOf(path, ";")) {
    const [name, raw] = split(part, PATH_VALUE);
    const known = Object.hasOwn(PATH_ATTRIBUTES, name) ? PATH_ATTRIBUTES[name] : undefined;
    if (name === "type") take("type", privateType(raw));
    else if (known === "id") take("id", bytesOf(raw).toString("hex"));
    else if (known === "slotId") take("slotId", slotOf(raw));
    else if (known !== undefined) take(known, textOf(raw, name));
    else throw malformed(`the attribute ${name} is not supported`);
  }
  for (const part of partsOf(query ?? "", "&")) {
    const [name, raw] = split(part, QUERY_VALUE);
    if (name === "pin-value") {
      throw new FleetsecError("usage", "a PIN must not stand in a PKCS#11 URI: arguments are seen by all", {
        hint: "set FLEETSEC_PIN, or name a file of mode 0600 with pin-source",
      });
    }
    const known = Object.hasOwn(QUERY_ATTRIBUTES, name) ? QUERY_ATTRIBUTES[name] : undefined;
    if (known === undefined) throw malformed(`the attribute ${name} is not supported`);
    take(known, textOf(raw, name));
  }
  found.delete("type");
  return Object.fromEntries(found);
}

/** A URI that `parsePkcs11Uri` reads as the same. */
export function formatPkcs11Uri(uri: Pkcs11Uri): string {
  const written = (attributes: Readonly<Record<string, keyof Pkcs11Uri>>) =>
    Object.entries(attributes).flatMap(([name, field]) => {
      const value = uri[field];
      if (value === undefined) return [];
      return [`${name}=${field === "id" ? String(value).replace(/../g, "%$&") : encoded(String(value))}`];
    });
  const query = written(QUERY_ATTRIBUTES);
  const path = [...written(PATH_ATTRIBUTES), "type=private"].join(";");
  return `pkcs11:${path}${query.length === 0 ? "" : `?${query.join("&")}`}`;
}

function encoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function partsOf(text: string, separator: string): string[] {
  return text === "" ? [] : text.split(separator);
}

function split(part: string, allowed: RegExp): [name: string, value: string] {
  const at = part.indexOf("=");
  const [name, value] = [part.slice(0, Math.max(at, 0)), part.slice(at + 1)];
  if (!/^[a-z][a-z0-9-]{0,40}$/.test(name)) throw malformed("an attribute is written NAME=VALUE");
  if (!allowed.test(value)) throw malformed(`${name} has a character that must be percent-encoded`);
  return [name, value];
}

function bytesOf(raw: string): Buffer {
  const bytes: number[] = [];
  for (let at = 0; at < raw.length; at += 1) {
    if (raw[at] === "%") {
      bytes.push(Number.parseInt(raw.slice(at + 1, at + 3), 16));
      at += 2;
    } else bytes.push(raw.charCodeAt(at));
  }
  if (bytes.length === 0) throw malformed("an id must not be empty");
  return Buffer.from(bytes);
}

function textOf(raw: string, name: string): string {
  if (raw === "") throw malformed(`${name} is empty`);
  let text: string;
  try {
    text = decodeURIComponent(raw);
  } catch {
    throw malformed(`${name} is not UTF-8`);
  }
  // a library would take a NUL for the end
  if (/\p{Cc}/u.test(text)) throw malformed(`${name} has a control character`);
  return text;
}

function slotOf(raw: string): number {
  if (/^(0|[1-9]\d{0,9})$/.test(raw)) return Number(raw);
  throw malformed("slot-id is a number");
}

function privateType(raw: string): string {
  if (raw === "private") return raw;
  throw malformed(`its type is ${raw}, and a private key is needed`);
}

function malformed(why: string): FleetsecError {
  return new FleetsecError("usage", `not a PKCS#11 URI that can be used: ${why}`, {
    hint: "write it as pkcs11:token=LABEL;object=KEY?module-path=/path/to/library.so (RFC 7512)",
  });
}
