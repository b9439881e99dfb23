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

/**
 * Whether a URL is `base` or below it, in whatever way the two are written. Two names of one server are not
 * known for that, but for those of this machine.
 */
export function isBelow(url: URL, base: URL): boolean {
  const [own, above] = [segmentsOf(url), segmentsOf(base)];
  return serverOf(url) === serverOf(base) && above.every((segment, i) => own[i] === segment);
}

/** Host and port, by which http and https on their own ports are the same. */
function serverOf({ hostname, port }: URL): string {
  const host = hostname
    .replace(/\.$/, "")
    .replace(/^\[::ffff:([0-9a-f]+):([0-9a-f]+)\]$/, (_, high: string, low: string) => {
      const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
      return [a >> 8, a & 255, b >> 8, b & 255].join(".");
    });
  return `${THIS_MACHINE.test(host) ? "localhost" : host}:${port}`;
}

const THIS_MACHINE = /^((.+\.)?localhost|127(\.\d{1,3}){3}|0\.0\.0\.0|\[::1?\])$/;

/** As they are meant: decoded, and without empty ones. */
function segmentsOf({ pathname }: URL): string[] {
  return pathname
    .split("/")
    .filter((segment) => segment !== "")
    .map((segment) => {
      try {
        return decodeURIComponent(segment);
      } catch (error) {
        // no UTF-8: it stands for itself
        if (error instanceof URIError) return segment;
        throw error;
      }
    });
}
