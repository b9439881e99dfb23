import { derReader, type Element, elementsOf, malformed, readSingle, tags } from "../der/read.ts";
import { type GeneralName, isHostName, parseMailbox, readGeneralName } from "./general-name.ts";

/** RFC 5280 section 4.2.1.10. `permitted` limits only the forms of name that occur in it. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** @throws FleetsecError `input` for what the RFC does not define, too: a limit must not be guessed */
export function readNameConstraints(der: Uint8Array, what: string): NameConstraints {
  const fields = derReader(readSingle(der, tags.sequence, what).contents, what);
  const permitted = fields.optional(tags.constructed(0));
  const excluded = fields.optional(tags.constructed(1));
  fields.end();
  if (permitted === undefined && excluded === undefined) throw malformed(what, "it is empty");
  return { permitted: readSubtrees(permitted, what), excluded: readSubtrees(excluded, what) };
}

function readSubtrees(list: Element | undefined, what: string): GeneralName[] {
  if (list === undefined) return [];
  const subtrees = [...elementsOf(list.contents, what)].map((subtree) => {
    const fields = derReader(readSingle(subtree.raw, tags.sequence, what).contents, what);
    const base = readGeneralName(fields.next(), what);
    // section 4.2.1.10: minimum MUST be zero (and is left out then), maximum MUST be absent
    fields.end();
    const fault = baseFault(base);
    if (fault !== undefined) throw malformed(what, fault);
    return base;
  });
  if (subtrees.length === 0) throw malformed(what, "an empty list of subtrees");
  return subtrees;
}

function baseFault(base: GeneralName): string | undefined {
  switch (base.type) {
    case "dns":
      // Empty: every name. A leading dot has no meaning defined for this form.
      return base.value === "" || isHostName(base.value) ? undefined : "a subtree that is no DNS name";
    case "email":
      return isHostOrDomain(base.value) || parseMailbox(base.value) !== undefined
        ? undefined
        : "a subtree that is no mailbox, host or domain";
    case "uri":
      return isHostOrDomain(base.value) ? undefined : "a subtree that is no host or domain of URIs";
    case "ip":
      return isAddressAndMask(base.value) ? undefined : "a subtree that is no range of IP addresses";
    default:
      return undefined;
  }
}

/** `host.example.com`, or `.example.com` for every host below it. */
function isHostOrDomain(text: string): boolean {
  return isHostName(text.startsWith(".") ? text.slice(1) : text);
}

/** Address and mask of equal length, the mask contiguous as in CIDR (RFC 4632). */
function isAddressAndMask(bytes: Uint8Array): boolean {
  if (bytes.length !== 8 && bytes.length !== 32) return false;
  const mask = bytes.subarray(bytes.length / 2);
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  return /^1*0*$/.test(bits);
}
