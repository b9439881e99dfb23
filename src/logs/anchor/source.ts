import { resolve } from "node:path";
import { FleetsecError } from "../../errors.ts";
import { httpUrl } from "../http-url.ts";
import { parseS3Location, type S3Location } from "../s3/location.ts";
import type { GitSource } from "./git-place.ts";

/** A place by the form of its name; nothing has been looked at. */
export type AnchorSource =
  | { readonly kind: "path"; readonly source: string; readonly path: string }
  | ({ readonly kind: "git" } & GitSource)
  | { readonly kind: "http"; readonly url: URL }
  | ({ readonly kind: "s3" } & S3Location);

const FORMS = "name a file or directory, git:REPO#REF:FOLDER, an http(s):// URL, or s3://BUCKET/PREFIX";

/**
 * @param cwd what relative paths are relative to
 * @throws FleetsecError `usage` for anything that has none of the forms
 */
export function parseAnchorSource(source: string, cwd: string): AnchorSource {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(source)?.[1]?.toLowerCase();
  switch (scheme) {
    case undefined:
      return { kind: "path", source, path: resolve(cwd, source) };
    case "git":
      return gitSource(source, cwd);
    case "http":
    case "https":
      return { kind: "http", url: httpUrl(source, "the anchor") };
    case "s3":
      return { kind: "s3", ...parseS3Location(source, "the anchor") };
    default:
      throw new FleetsecError("usage", `anchors of that kind are not supported: ${source}`, { hint: FORMS });
  }
}

function gitSource(source: string, cwd: string): AnchorSource {
  const [, repository = "", ref = "", folder = ""] =
    /^git:([^#]+)(?:#([^:]*)(?::(.*))?)?$/is.exec(source) ?? [];
  const name = ref === "" ? undefined : ref;
  const names = [...(name === undefined ? [] : [name]), ...(folder === "" ? [] : [folder])];
  // no option, no revision syntax, no way out of the tree
  const plain = names.every(
    (text) =>
      /^[A-Za-z0-9_][A-Za-z0-9._-]*(\/[A-Za-z0-9_][A-Za-z0-9._-]*)*$/.test(text) && !text.includes(".."),
  );
  if (repository === "" || /^[a-z+]+:\/\//i.test(repository) || !plain) {
    throw new FleetsecError("usage", `the anchor is not git:REPO#REF:FOLDER: ${source}`, {
      hint: "REPO is a directory: clone what is elsewhere; REF is a branch, tag or commit",
    });
  }
  return { kind: "git", source, path: resolve(cwd, repository), ref: name, folder };
}
