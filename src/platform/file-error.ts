import { FleetsecError } from "../errors.ts";

/** Runs a file operation and gives its errno a name that the user understands. */
export function attempt<T>(path: string, operation: () => T): T {
  try {
    return operation();
  } catch (error) {
    if (error instanceof FleetsecError) throw error;
    throw fileError(path, error);
  }
}

/** What an errno means for who wrote to or read from `path`; anything else as it is. */
export function fileError(path: string, error: unknown): unknown {
  const errno = (error as NodeJS.ErrnoException).code;
  const details = { cause: error };
  switch (errno) {
    case "ENOENT":
      return new FleetsecError("not-found", `${path} does not exist`, details);
    case "EACCES":
    case "EPERM":
      return new FleetsecError("permission", `no permission for ${path}`, details);
    case "EISDIR":
      return new FleetsecError("input", `${path} is a directory`, details);
    case "ENOTDIR":
      return new FleetsecError("input", `a part of ${path} is not a directory`, details);
    case "EEXIST":
    case "ENOTEMPTY":
      return new FleetsecError("exists", `${path} exists already`, details);
    case "ELOOP":
      return new FleetsecError("input", `${path} is a symlink, or leads through too many`, details);
    case "ENAMETOOLONG":
      return new FleetsecError("input", `${path.slice(0, 80)}… is too long for a path`, details);
    case "ENXIO":
      return new FleetsecError("input", `${path} is not a regular file`, details);
    case "ENOSPC":
    case "EDQUOT":
      return new FleetsecError("io", `no space left for ${path}`, details);
    case "EROFS":
      return new FleetsecError("io", `${path} is on a read-only file system`, details);
    default:
      // A path with a NUL byte, for instance, comes from the user too.
      if (errno === "ERR_INVALID_ARG_VALUE")
        return new FleetsecError("input", "a path contains a NUL byte", details);
      return errno === undefined ? error : new FleetsecError("io", `${path}: ${errno}`, details);
  }
}
