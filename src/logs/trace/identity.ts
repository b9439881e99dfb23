import type { Json } from "../lint/canonical-json.ts";
import { isSerial, plainSerial } from "../lint/certificate.ts";
import { type Event, objectIn } from "../lint/event.ts";

/** Who an event is about, however the program that wrote it writes subjects and serial numbers. */

/** An attribute of a subject, its type in upper case: `CN`, `O`. */
interface Attribute {
  readonly type: string;
  readonly value: string;
}

const TYPE = "(?:[A-Za-z][A-Za-z0-9-]{0,63}|\\d[\\d.]{0,63})";
const TYPED = new RegExp(`^ {0,4}(${TYPE}) {0,4}= {0,4}([^]*)$`);
/** Where an attribute begins: an escaped separator, or one that no type follows, belongs to a value. */
const separators = (characters: string) =>
  new RegExp(`[${characters}](?<=(?:^|[^\\\\])(?:\\\\\\\\)*.)(?= {0,4}${TYPE} {0,4}=)`, "s");
const COMMAS = separators(",;+\\n");
const SLASHES = separators("/+");

/**
 * The attributes of a subject in any of its usual forms: `CN=a+OU=b,O=c` (RFC 4514, and RFC 2253 as nginx,
 * Envoy and HAProxy write it), `O=c, CN=a` (our gateway), `O = c, CN = a` and `/O=c/CN=a` (OpenSSL), a line each
 * (Node). None where the text is no subject.
 */
function attributesOf(subject: string): Attribute[] {
  return subject.split(subject.startsWith("/") ? SLASHES : COMMAS).flatMap((part) => {
    const [, type, value] = TYPED.exec(part) ?? [];
    return type === undefined || value === undefined
      ? []
      : [{ type: type.toUpperCase(), value: unescaped(value) }];
  });
}

/** RFC 4514 section 2.4, the quotes of RFC 2253 section 4, and OpenSSL's `\xC3`. */
function unescaped(value: string): string {
  const trimmed = value.replace(/(?<!\\) {1,4}$/, "");
  const [, quoted = trimmed] = /^"([^]*)"$/.exec(trimmed) ?? [];
  return quoted.replace(/((?:\\x?[0-9A-Fa-f]{2})+)|\\([^])/g, (_, bytes?: string, character?: string) =>
    bytes === undefined ? String(character) : Buffer.from(bytes.replace(/\\x?/g, ""), "hex").toString(),
  );
}

/** Whether a subject, or a plain name, is of whom `name` says: a common name, or some or all of its attributes. */
export function isNamed(subject: string, name: string): boolean {
  if (subject === name) return true;
  const own = attributesOf(subject);
  const asked = attributesOf(name);
  const has = (type: string, value: string) => own.some((one) => one.type === type && one.value === value);
  return has("CN", name) || (asked.length > 0 && asked.every(({ type, value }) => has(type, value)));
}

/** A text that every record about `name` has, unless it is written with escapes; empty where there is none. */
export function textOfName(name: string): string {
  const values = attributesOf(name).map(({ value }) => value);
  return values.length === 0
    ? name
    : values.reduce((one, other) => (other.length > one.length ? other : one));
}

/** What an event tells of the client's certificate; one that was refused stands under `certificate`. */
export function certificatesIn({ identity, certificate }: Event): Event[] {
  return [identity, certificate].map(objectIn);
}

/** Whom a CA's inventory says that a certificate was issued to: the name, and its URIs. */
export function holdersIn({ op, name, sans }: Event): string[] {
  if (op !== "issue") return [];
  const uris = listIn(sans).flatMap((san) => (isText(san) && san.startsWith("uri:") ? [san.slice(4)] : []));
  return [name, ...uris].filter(isText);
}

/** Whether an event is about somebody: as the client, as who asked or approved, or as who was issued a certificate. */
export function isAbout(event: Event, name: string): boolean {
  return namesIn(event).some((told) => isNamed(told, name)) || serialsIn(event).some(sameAs(name));
}

function namesIn(event: Event): string[] {
  const { identity, certificate, requested_by: asker, approvals } = event;
  const told = [identity, certificate, asker, ...listIn(approvals)];
  const subjects = told.map((one) => (isText(one) ? one : objectIn(one)["subject"]));
  return [...subjects.filter(isText), ...holdersIn(event)];
}

/** Our own rotation names the certificate before, too. */
function serialsIn(event: Event): string[] {
  const told = [event, ...certificatesIn(event)].map(({ serial }) => serial);
  return [...told, event["previous_serial"]].filter(isText);
}

function sameAs(name: string): (serial: string) => boolean {
  if (!isSerial(name)) return (serial) => serial === name;
  const wanted = plainSerial(name);
  return (serial) => plainSerial(serial) === wanted;
}

function listIn(value: Json | undefined): readonly Json[] {
  return Array.isArray(value) ? value : [];
}

function isText(value: Json | undefined): value is string {
  return typeof value === "string";
}
