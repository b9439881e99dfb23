/** Methods that ask for nothing to be changed, and that a service may be probed with unasked (RFC 9110, section 9.2.1). */
const SAFE = ["GET", "HEAD", "OPTIONS"];
/** Those of the others that a path may be tried with; TRACE asks for nothing but the request itself. */
export const changing = ["POST", "PUT", "PATCH", "DELETE"];
const UNSAFE = [...changing, "TRACE"];

export function isSafe(method: string): boolean {
  return SAFE.includes(method);
}

export function isMethod(text: string): boolean {
  return SAFE.includes(text) || UNSAFE.includes(text);
}
