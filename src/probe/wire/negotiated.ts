import { ILLEGAL_PARAMETER, UNSUPPORTED_EXTENSION } from "./alerts.ts";
import type { Extensions } from "./extensions.ts";
import { ProtocolError } from "./protocol-error.ts";

/** @throws ProtocolError for an extension that may not stand here (RFC 8446, section 4.2) */
export function onlyOf(extensions: Extensions, allowed: readonly number[]): void {
  for (const type of extensions.keys()) {
    if (!allowed.includes(type)) {
      throw new ProtocolError(`extension ${type} where it may not be`, UNSUPPORTED_EXTENSION);
    }
  }
}

/** @throws ProtocolError for an application protocol that was not offered (RFC 7301, section 3.2) */
export function offeredProtocol(protocol: string, offered: readonly string[]): string {
  if (!offered.includes(protocol)) {
    throw new ProtocolError("a protocol that was not offered", ILLEGAL_PARAMETER);
  }
  return protocol;
}
