/**
 * Standard base64 (RFC 4648 section 4) in its one canonical form, with padding and without stray
 * bits; undefined for anything else. `Buffer.from` alone takes almost any text.
 */
export function parseBase64(text: string): Buffer | undefined {
  const bytes = Buffer.from(text, "base64");
  return bytes.toString("base64") === text ? bytes : undefined;
}
