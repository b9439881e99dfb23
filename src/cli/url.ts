import { FleetsecError } from "../errors.ts";

/** Whether a text is meant as a URL, or another kind of source, and not as a path. */
export function hasScheme(text: string): boolean {
  return /^[a-z][a-z0-9+.-]*:/i.test(text);
}

/**
 * An http:// or https:// URL.
 * @param what it is of, for messages
 * @throws FleetsecError `usage` on anything else, and where it holds a user or a password: arguments
 *   can be seen by others
 */
export function httpUrl(text: string, what: string): URL {
  const url = /^https?:\/\//i.test(text) && URL.canParse(text) ? new URL(text) : undefined;
  if (url === undefined) {
    throw new FleetsecError("usage", `${what} is no http:// or https:// URL: ${text}`);
  }
  if (url.username !== "" || url.password !== "") {
    throw new FleetsecError("usage", `${what} holds a user name or a password, which others can see`, {
      hint: "leave them out",
    });
  }
  if (url.hash !== "") throw new FleetsecError("usage", `${what} has a fragment: ${text}`);
  return url;
}
