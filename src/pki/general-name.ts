import { isIPv4, isIPv6 } from "node:net";
import { FleetsecError } from "../errors.ts";
import { constructed, primitive } from "./der/write.ts";
import type { NameDer } from "./name.ts";

/** A subject alternative name, or a URL in an extension (RFC 5280 section 4.2.1.6). */
export type GeneralName =
  | { readonly type: "dns" | "uri" | "email" | "ip"; readonly value: string }
  | { readonly type: "dn"; readonly value: NameDer };

/** The base of a subtree in name constraints; an address range is written as CIDR. */
export type ConstraintBase = GeneralName | { readonly type: "ip-range"; readonly value: string };

/** Context tags of the GeneralName CHOICE. */
const NUMBERS = { email: 1, dns: 2, uri: 6, ip: 7 } as const;

/** @throws FleetsecError `input` for what the type cannot hold */
export function encodeGeneralName(name: GeneralName | ConstraintBase): Uint8Array {
  switch (name.type) {
    case "dn":
      // a CHOICE cannot be tagged implicitly: the name stands inside
      return constructed(4, name.value);
    case "ip":
      return primitive(NUMBERS.ip, ipBytes(name.value));
    case "ip-range":
      return primitive(NUMBERS.ip, rangeBytes(name.value));
    default:
      // eslint-disable-next-line no-control-regex
      if (!/^[\u0001-\u007e]*$/.test(name.value)) {
        throw new FleetsecError("input", `not ASCII: ${name.value}`, {
          hint: "write an international name in its xn-- form",
        });
      }
      return primitive(NUMBERS[name.type], Buffer.from(name.value, "latin1"));
  }
}

/** 4 or 16 bytes of an address in text. @throws FleetsecError `input` */
export function ipBytes(text: string): Uint8Array {
  if (isIPv4(text)) return Uint8Array.from(text.split("."), Number);
  if (!isIPv6(text) || text.includes("%")) {
    throw new FleetsecError("input", `not an IP address: ${text}`);
  }
  // a dotted quad at the end stands for two groups
  const plain = text.replace(/[\d.]+$/, (tail) => (tail.includes(".") ? quadGroups(tail) : tail));
  const [head = "", tail] = plain.split("::");
  const left = groupsOf(head);
  const right = tail === undefined ? [] : groupsOf(tail);
  const groups = [...left, ...Array<number>(8 - left.length - right.length).fill(0), ...right];
  return Uint8Array.from(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

/** An address from its 4 or 16 bytes; IPv6 in the form of RFC 5952. */
export function formatIp(bytes: Uint8Array): string {
  if (bytes.length === 4) return bytes.join(".");
  const groups = Array.from({ length: 8 }, (_, i) => ((bytes[2 * i] ?? 0) << 8) | (bytes[2 * i + 1] ?? 0));
  const text = groups.map((group) => group.toString(16)).join(":");
  // the longest run of two zero groups or more, the first one where two are equally long
  const runs = [...text.matchAll(/\b0(:0\b)+/g)].sort(
    (a, b) => b[0].length - a[0].length || a.index - b.index,
  );
  const run = runs[0];
  if (run === undefined) return text;
  const before = text.slice(0, run.index).replace(/:$/, "");
  const after = text.slice(run.index + run[0].length).replace(/^:/, "");
  return `${before}::${after}`;
}

function rangeBytes(text: string): Uint8Array {
  const [address = "", bits = "", ...rest] = text.split("/");
  const bytes = ipBytes(address);
  const prefix = /^\d{1,3}$/.test(bits) ? Number(bits) : Number.NaN;
  if (rest.length > 0 || !(prefix <= bytes.length * 8)) {
    throw new FleetsecError("input", `not an address range: ${text}`);
  }
  const mask = bytes.map((_, i) => 0xff & ~(0xff >> Math.min(8, Math.max(0, prefix - i * 8))));
  return Uint8Array.of(...bytes.map((byte, i) => byte & (mask[i] ?? 0)), ...mask);
}

function groupsOf(text: string): number[] {
  return text === "" ? [] : text.split(":").map((group) => Number.parseInt(group, 16));
}

function quadGroups(quad: string): string {
  const [a = 0, b = 0, c = 0, d = 0] = quad.split(".").map(Number);
  return `${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
}
