import { describe, expect, it } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { attempt, fileError } from "../../src/platform/file-error.ts";

const failing = (code: string) => Object.assign(new Error(code), { code });

describe("what an errno means", () => {
  it.each([
    ["ENOENT", "not-found"],
    ["EACCES", "permission"],
    ["EPERM", "permission"],
    ["EISDIR", "input"],
    ["ENOTDIR", "input"],
    ["EEXIST", "exists"],
    ["ENOTEMPTY", "exists"],
    ["ELOOP", "input"],
    ["ENAMETOOLONG", "input"],
    ["ENXIO", "input"],
    ["ENOSPC", "io"],
    ["EDQUOT", "io"],
    ["EROFS", "io"],
    ["EMFILE", "io"],
    ["ENFILE", "io"],
    ["ERR_INVALID_ARG_VALUE", "input"],
  ])("%s is %s, and says what to do", (errno, code) => {
    const error = fileError("/a/b", failing(errno));
    expect(error).toBeInstanceOf(FleetsecError);
    expect(error).toMatchObject({ code, hint: expect.stringMatching(/^[a-z].*[^.]$/) });
  });

  it("an errno without a name of its own is given as it is", () => {
    expect(fileError("/a/b", failing("EIO"))).toMatchObject({ code: "io", message: "/a/b: EIO" });
  });

  it("what is no errno is a bug, and stays what it was", () => {
    const bug = new TypeError("x is undefined");
    expect(fileError("/a/b", bug)).toBe(bug);
    expect(() =>
      attempt("/a/b", () => {
        throw bug;
      }),
    ).toThrow(bug);
  });

  it("a fault that has its name keeps it", () => {
    const fault = new FleetsecError("busy", "locked");
    expect(() =>
      attempt("/a/b", () => {
        throw fault;
      }),
    ).toThrow(fault);
  });
});
