import { FleetsecError } from "../errors.ts";

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
