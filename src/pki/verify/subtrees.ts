import { context, type Element, elementsOf, fieldsOf, malformed } from "./der.ts";
import { type GeneralName, isHostName, parseMailbox, readGeneralName } from "./general-name.ts";

/** RFC 5280 section 4.2.1.10. `permitted` limits only the forms of name that occur in it. */
export interface NameConstraints {
  readonly permitted: readonly GeneralName[];
  readonly excluded: readonly GeneralName[];
}

/** @throws FleetsecError `input` for what the RFC does not define, too: a limit must not be guessed */
export function readNameConstraints(sequence: Element): NameConstraints {
  const fields = fieldsOf(sequence);
  const permitted = fields.optional(context(0, "constructed"));
  const excluded = fields.optional(context(1, "constructed"));
  fields.done();
  if (permitted === undefined && excluded === undefined)
    throw malformed("empty name constraints", sequence.start);
  return { permitted: readSubtrees(permitted), excluded: readSubtrees(excluded) };
}

function readSubtrees(list: Element | undefined): GeneralName[] {
  if (list === undefined) return [];
  const subtrees = [...elementsOf(list)].map((subtree) => {
    const fields = fieldsOf(subtree);
    const element = fields.any();
    const base = readGeneralName(element);
    // section 4.2.1.10: minimum MUST be zero (and is left out then), maximum MUST be absent
    fields.done();
    const fault = baseFault(base);
    if (fault !== undefined) throw malformed(`a name constraint with ${fault}`, element.start);
    return base;
  });
  if (subtrees.length === 0) throw malformed("an empty list of subtrees", list.start);
  return subtrees;
}

function baseFault(base: GeneralName): string | undefined {
  switch (base.kind) {
    case "dns":
      // Empty: every name. A leading dot has no meaning defined for this form.
      return base.value === "" || isHostName(base.value) ? undefined : "a malformed DNS name";
    case "email":
      return isHostOrDomain(base.value) || parseMailbox(base.value) !== undefined
        ? undefined
        : "a malformed mailbox";
    case "uri":
      return isHostOrDomain(base.value) ? undefined : "a malformed URI host";
    case "ip":
      return isAddressAndMask(base.value) ? undefined : "a malformed IP range";
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
