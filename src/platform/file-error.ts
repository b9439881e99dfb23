import { type ErrorCode, FleetsecError } from "../errors.ts";

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
  const fault = (code: ErrorCode, message: string, hint: string) =>
    new FleetsecError(code, message, { hint, cause: error });
  switch (errno) {
    case "ENOENT":
      return fault(
        "not-found",
        `${path} does not exist`,
        "check the name; a relative path starts at the current directory",
      );
    case "EACCES":
    case "EPERM":
      return fault(
        "permission",
        `no permission for ${path}`,
        "check its owner and mode, and those of the directories above it",
      );
    case "EISDIR":
      return fault("input", `${path} is a directory`, "name a file");
    case "ENOTDIR":
      return fault(
        "input",
        `a part of ${path} is not a directory`,
        "check the path: a file stands where a directory should",
      );
    case "EEXIST":
    case "ENOTEMPTY":
      return fault("exists", `${path} exists already`, "name another path, or move what is there");
    case "ELOOP":
      return fault("input", `${path} is a symlink, or leads through too many`, "name the file itself");
    case "ENAMETOOLONG":
      return fault("input", `${path.slice(0, 80)}… is too long for a path`, "name a shorter path");
    case "ENXIO":
      return fault("input", `${path} is not a regular file`, "name a regular file");
    case "ENOSPC":
    case "EDQUOT":
      return fault("io", `no space left for ${path}`, "free some space or quota, then run it again");
    case "EROFS":
      return fault("io", `${path} is on a read-only file system`, "name a path that can be written");
    case "EMFILE":
    case "ENFILE":
      return fault(
        "io",
        `too many files are open: ${path} cannot be opened too`,
        errno === "EMFILE" ? "allow this process more (ulimit -n)" : "close some, or allow the system more",
      );
    default:
      // A path with a NUL byte, for instance, comes from the user too.
      if (errno === "ERR_INVALID_ARG_VALUE")
        return fault("input", "a path contains a NUL byte", "name a path without it");
      return errno === undefined ? error : new FleetsecError("io", `${path}: ${errno}`, { cause: error });
  }
}
