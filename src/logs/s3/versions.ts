import { FleetsecError } from "../../errors.ts";

/** One version of an object, or the marker that a plain deletion puts over it. */
export interface ObjectVersion {
  readonly key: string;
  readonly versionId: string;
  readonly isLatest: boolean;
  readonly deleted: boolean;
  /** As the server wrote it. */
  readonly lastModified: string;
  /** Bytes; NaN where the server does not say, and for a marker. */
  readonly size: number;
}

export interface VersionPage {
  readonly versions: readonly ObjectVersion[];
  /** Where the next page begins, where there is one. */
  readonly next: { readonly key: string; readonly version: string } | undefined;
}

/**
 * A ListVersionsResult of S3 (ListObjectVersions).
 * @throws FleetsecError `unreachable` where it is none
 */
export async function readVersions(xml: Uint8Array): Promise<VersionPage> {
  const { SaxesParser } = await import("saxes");
  const path: string[] = [];
  const versions: ObjectVersion[] = [];
  const page = new Map<string, string>();
  let fields = new Map<string, string>();
  let text = "";
  const parser = new SaxesParser();
  parser.on("error", (error) => {
    throw error;
  });
  parser.on("opentag", ({ name }) => {
    path.push(name);
    if (path.length > 8) throw new Error("it is too deep");
    text = "";
    if (path.length === 2) fields = new Map();
  });
  parser.on("text", (part) => (text += part));
  parser.on("closetag", ({ name }) => {
    path.pop();
    if (path.length === 2) fields.set(name, text);
    if (path.length !== 1) return;
    if (name === "Version" || name === "DeleteMarker") versions.push(versionIn(fields, name));
    else page.set(name, text);
  });
  try {
    parser.write(new TextDecoder("utf-8", { fatal: true }).decode(xml)).close();
  } catch (cause) {
    throw new FleetsecError("unreachable", "the list of versions is not in the form of S3", { cause });
  }
  if (page.get("IsTruncated") !== "true") return { versions, next: undefined };
  return {
    versions,
    next: { key: page.get("NextKeyMarker") ?? "", version: page.get("NextVersionIdMarker") ?? "" },
  };
}

function versionIn(fields: ReadonlyMap<string, string>, name: string): ObjectVersion {
  const [key, versionId] = [fields.get("Key"), fields.get("VersionId")];
  const size = fields.get("Size") ?? "";
  if (key === undefined || versionId === undefined) throw new Error("a version has no key or id");
  return {
    key,
    versionId,
    isLatest: fields.get("IsLatest") === "true",
    deleted: name === "DeleteMarker",
    lastModified: fields.get("LastModified") ?? "",
    size: /^\d{1,15}$/.test(size) ? Number(size) : Number.NaN,
  };
}
