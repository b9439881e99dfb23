import { execFileSync } from "node:child_process";
import fs, {
  appendFileSync,
  chmodSync,
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { dirname, join } from "node:path";
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { attempt } from "../../src/platform/file-error.ts";
import { decodeUtf8 } from "../../src/platform/files.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { scratch } from "../support/scratch.ts";

const codeOf = (action: () => unknown) => {
  try {
    action();
  } catch (error) {
    if (error instanceof FleetsecError) return error.code;
    throw error;
  }
  return "none";
};

describe("read", () => {
  test("gives the bytes of a regular file, up to the bound and not beyond", () => {
    const path = join(scratch(), "f");
    writeFileSync(path, "12345");
    expect(files.read(path, 5).toString()).toBe("12345");
    expect(codeOf(() => files.read(path, 4))).toBe("input");
  });

  test("refuses what is no regular file, without hanging on a FIFO", () => {
    const directory = scratch();
    execFileSync("mkfifo", [join(directory, "fifo")]);
    expect(codeOf(() => files.read(directory, 10))).toBe("input");
    expect(codeOf(() => files.read(join(directory, "fifo"), 10))).toBe("input");
    expect(codeOf(() => files.read("/dev/zero", 10))).toBe("input");
  });

  test("names what is missing, and a path that leads through a file", () => {
    const directory = scratch();
    writeFileSync(join(directory, "f"), "");
    expect(codeOf(() => files.read(join(directory, "none"), 10))).toBe("not-found");
    expect(codeOf(() => files.read(join(directory, "f", "x"), 10))).toBe("input");
    expect(codeOf(() => files.read(join(directory, "a\0b"), 10))).toBe("input");
    expect(codeOf(() => files.read(join(directory, "n".repeat(5000)), 10))).toBe("input");
  });

  test("a loop of symlinks ends", () => {
    const directory = scratch();
    symlinkSync("b", join(directory, "a"));
    symlinkSync("a", join(directory, "b"));
    expect(codeOf(() => files.read(join(directory, "a"), 10))).toBe("input");
  });

  test("a file that claims no size but never ends is cut at the bound", () => {
    // procfs reports size 0 for every file
    expect(codeOf(() => files.read("/proc/self/status", 10))).toBe("input");
  });

  test("malformed UTF-8 is refused, never replaced", () => {
    const path = join(scratch(), "f");
    writeFileSync(path, Buffer.from([0x61, 0xff]));
    expect(codeOf(() => files.readText(path, 10))).toBe("input");
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        expect(decodeUtf8(Buffer.from(text), "text")).toBe(text.replace(/^\uFEFF/, ""));
      }),
    );
  });
});

describe("open", () => {
  test("reads a regular file from any position, and says where it ends", () => {
    const path = join(scratch(), "f");
    writeFileSync(path, "0123456789");
    const file = files.open(path);
    const into = Buffer.alloc(4);
    expect(file.size).toBe(10);
    expect(file.read(into, 2)).toBe(4);
    expect(into.toString()).toBe("2345");
    expect(file.read(into, 8)).toBe(2);
    expect(file.read(into, 10)).toBe(0);
    file.close();
    expect(codeOf(() => file.read(into, 0))).toBe("io");
  });

  test("tells how long the file is by now, and how many names it has, whatever has come to its path", () => {
    const path = join(scratch(), "f");
    writeFileSync(path, "0123");
    const file = files.open(path);
    expect(file.now()).toEqual({ size: 4, names: 1 });
    linkSync(path, `${path}2`);
    appendFileSync(path, "4");
    expect(file.now()).toEqual({ size: 5, names: 2 });
    for (const name of [path, `${path}2`]) rmSync(name);
    writeFileSync(path, "another");
    expect(file.now()).toEqual({ size: 5, names: 0 });
    file.close();
  });

  test("refuses what is no regular file, and never follows a symlink", () => {
    const directory = scratch();
    writeFileSync(join(directory, "f"), "x");
    symlinkSync("f", join(directory, "link"));
    execFileSync("mkfifo", [join(directory, "fifo")]);
    expect(codeOf(() => files.open(join(directory, "f")).close())).toBe("none");
    for (const name of ["link", "fifo", "."]) {
      expect(codeOf(() => files.open(join(directory, name)))).toBe("input");
    }
    expect(codeOf(() => files.open(join(directory, "none")))).toBe("not-found");
  });
});

describe("entries", () => {
  test("tells what is in a directory without following symlinks", () => {
    const directory = scratch();
    writeFileSync(join(directory, "f"), "");
    mkdirSync(join(directory, "d"));
    symlinkSync("d", join(directory, "l"));
    execFileSync("mkfifo", [join(directory, "p")]);
    const found = Object.fromEntries([...files.entries(directory)].map(({ name, kind }) => [name, kind]));
    expect(found).toEqual({ f: "file", d: "directory", l: "symlink", p: "other" });
    expect(codeOf(() => [...files.entries(join(directory, "f"))])).toBe("input");
    expect(codeOf(() => [...files.entries(join(directory, "none"))])).toBe("not-found");
  });
});

describe("write", () => {
  test("replaces atomically, with the mode asked for whatever the umask, and leaves no temporary", () => {
    const directory = scratch();
    const path = join(directory, "key");
    files.write(path, "one", { mode: 0o600 });
    files.write(path, "two", { mode: 0o600 });
    expect(readFileSync(path, "utf8")).toBe("two");
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect(readdirSync(directory)).toEqual(["key"]);
  });

  test("pieces that end in a fault leave what was there; whole ones replace it", () => {
    const path = join(scratch(), "report");
    files.write(path, "before");
    const torn = function* () {
      yield "after";
      throw new FleetsecError("state", "damaged");
    };
    expect(() => files.writePieces(path, torn())).toThrow("damaged");
    expect(readdirSync(dirname(path))).toEqual(["report"]);
    expect(readFileSync(path, "utf8")).toBe("before");
    files.writePieces(path, ["af", "ter"]);
    expect(readFileSync(path, "utf8")).toBe("after");
  });

  test("several together come in their order, once all of them are synced, and before their directories are", async () => {
    const directory = scratch();
    mkdirSync(join(directory, "ca"));
    const [first, second] = [join(directory, "ca/crl"), join(directory, "crl")];
    writeFileSync(first, "old", { mode: 0o600 });
    const events = await watched(() =>
      files.writeTogether([
        { path: first, data: "1" },
        { path: second, data: Buffer.from("2") },
      ]),
    );
    expect(events).toEqual([
      "begin ca/.crl.tmp",
      "begin .crl.tmp",
      "synced",
      "synced",
      "rename ca/crl",
      "rename crl",
      "begin ca",
      "begin ",
      "synced",
      "synced",
    ]);
    expect([first, second].map((path) => readFileSync(path, "utf8"))).toEqual(["1", "2"]);
    expect(statSync(first).mode & 0o777).toBe(0o644);
    expect(readdirSync(directory)).toEqual(["ca", "crl"]);

    /** What is done to the disk. Paths are relative to the directory, and temporary names lose their number. */
    async function watched(work: () => Promise<void>): Promise<string[]> {
      const own = { fsync: fs.fsync, renameSync: fs.renameSync };
      const seen: string[] = [];
      const shown = (path: string) =>
        path.slice(directory.length + 1).replace(/\.[0-9a-f]{12}\.tmp$/, ".tmp");
      fs.fsync = ((fd: number, done: (error: Error | null) => void) => {
        seen.push(`begin ${shown(readlinkSync(`/proc/self/fd/${fd}`))}`);
        own.fsync(fd, (error) => {
          seen.push("synced");
          done(error);
        });
      }) as typeof fs.fsync;
      fs.renameSync = (from, to) => {
        seen.push(`rename ${shown(String(to))}`);
        own.renameSync(from, to);
      };
      syncBuiltinESMExports();
      try {
        await work();
      } finally {
        Object.assign(fs, own);
        syncBuiltinESMExports();
      }
      return seen;
    }
  });

  test("several together of which one cannot be written leave what was there", async () => {
    const directory = scratch();
    const [one, two] = [join(directory, "one"), join(directory, "none/two")];
    files.write(one, "before");
    const entries = [one, two].map((path) => ({ path, data: "after" }));
    await expect(files.writeTogether(entries)).rejects.toMatchObject({ code: "not-found" });
    expect([readFileSync(one, "utf8"), readdirSync(directory)]).toEqual(["before", ["one"]]);
    mkdirSync(join(directory, "none"));
    await files.writeTogether(entries);
    expect([one, two].map((path) => readFileSync(path, "utf8"))).toEqual(["after", "after"]);
  });

  test("puts no file in the place of a device or a FIFO, nor of a link to one", () => {
    const directory = scratch();
    const [fifo, link, control] = ["fifo", "link", "control"].map((name) => join(directory, name)) as [
      string,
      string,
      string,
    ];
    execFileSync("mkfifo", [fifo]);
    symlinkSync("/dev/null", link);
    for (const path of [fifo, link]) {
      expect(() => files.write(path, "x")).toThrow(expect.objectContaining({ code: "exists" }));
    }
    files.write(control, "x");
    expect(readdirSync(directory).sort()).toEqual(["control", "fifo", "link"]);
    expect(lstatSync(fifo).isFIFO() && lstatSync(link).isSymbolicLink()).toBe(true);
  });

  test("exclusive refuses a taken name, also a dangling symlink, and changes nothing", () => {
    const directory = scratch();
    const path = join(directory, "f");
    files.write(path, "one", { exclusive: true });
    expect(codeOf(() => files.write(path, "two", { exclusive: true }))).toBe("exists");
    symlinkSync("/nowhere", join(directory, "link"));
    expect(codeOf(() => files.write(join(directory, "link"), "x", { exclusive: true }))).toBe("exists");
    expect(readFileSync(path, "utf8")).toBe("one");
    expect(readdirSync(directory)).toEqual(["f", "link"]);
  });

  test("a failed write leaves nothing behind", () => {
    const directory = scratch();
    mkdirSync(join(directory, "taken"));
    expect(codeOf(() => files.write(join(directory, "taken"), "x"))).toBe("input");
    expect(codeOf(() => files.write(join(directory, "no", "f"), "x"))).toBe("not-found");
    expect(readdirSync(directory)).toEqual(["taken"]);
  });
});

describe("directories and links", () => {
  test("directories are private unless told", () => {
    const directory = scratch();
    files.makeDirectory(join(directory, "a", "b"));
    expect(statSync(join(directory, "a", "b")).mode & 0o777).toBe(0o700);
    files.makeDirectory(join(directory, "a", "b"));
    expect(files.list(join(directory, "a"))).toEqual(["b"]);
  });

  test("missing parents are made, what is there stays, and what cannot be made ends", () => {
    const directory = scratch();
    files.makeDirectory(join(directory, "a/b/c"));
    files.makeDirectory(join(directory, "a/b/c"));
    files.makeDirectory(join(directory, "a/b/d/"));
    expect(readdirSync(join(directory, "a/b"))).toEqual(["c", "d"]);
    writeFileSync(join(directory, "f"), "");
    expect(codeOf(() => files.makeDirectory(join(directory, "f")))).toBe("exists");
    expect(codeOf(() => files.makeDirectory(join(directory, "f/g")))).toBe("input");
    // there, mkdirSync of Node 20 never returns
    expect(codeOf(() => files.makeDirectory("/proc/no-such/place"))).toBe("permission");
  });

  test("what killed writers left is removed, and nothing else; an empty directory is, and no other", () => {
    const directory = scratch();
    const sub = join(directory, "a");
    files.removeTemporaries(sub);
    files.removeIfEmpty(sub);
    files.makeDirectory(sub);
    files.write(join(sub, "b"), "b");
    for (const name of [".b.0123456789ab.tmp", ".b.tmp", "b.0123456789ab.tmp"]) {
      files.write(join(sub, name), "");
    }
    files.removeTemporaries(sub);
    expect(files.list(sub)).toEqual([".b.tmp", "b", "b.0123456789ab.tmp"]);
    files.removeIfEmpty(sub);
    expect(files.kind(sub)).toBe("directory");
    for (const name of files.list(sub)) files.remove(join(sub, name));
    files.removeIfEmpty(sub);
    expect(files.kind(sub)).toBeUndefined();
  });

  test("a symlink is followed where that is asked for", () => {
    const directory = scratch();
    files.write(join(directory, "a"), "text");
    files.linkAtomic(join(directory, "link"), "a");
    expect(files.stat(join(directory, "link"))).toMatchObject({ kind: "file", size: 4 });
    expect(() => files.open(join(directory, "link"))).toThrow("symlink");
    const [file, same] = ["a", "link"].map((name) => files.open(join(directory, name), { follow: true }));
    expect(same?.id).toBe(file?.id);
    file?.close();
    same?.close();
  });

  test("a symlink is swapped in one step, and its kind is told without following it", () => {
    const directory = scratch();
    const link = join(directory, "current");
    files.linkAtomic(link, "1");
    files.linkAtomic(link, "2");
    expect(files.readLink(link)).toBe("2");
    expect(files.kind(link)).toBe("symlink");
    expect(files.kind(directory)).toBe("directory");
    expect(files.kind("/dev/null")).toBe("other");
    expect(files.kind(join(directory, "none"))).toBeUndefined();
    files.rename(link, join(directory, "moved"));
    expect(readdirSync(directory)).toEqual(["moved"]);
    files.remove(join(directory, "moved"));
    files.remove(join(directory, "moved"));
    expect(readdirSync(directory)).toEqual([]);
  });

  test("stat follows links and gives permission bits", () => {
    const directory = scratch();
    writeFileSync(join(directory, "f"), "abc");
    chmodSync(join(directory, "f"), 0o640);
    symlinkSync("f", join(directory, "link"));
    expect(files.stat(join(directory, "link"))).toMatchObject({ mode: 0o640, size: 3 });
  });
});

describe("errno", () => {
  const named = (code: string) =>
    codeOf(() =>
      attempt("p", () => {
        throw Object.assign(new Error(code), { code });
      }),
    );
  test.each([
    ["ENOENT", "not-found"],
    ["EACCES", "permission"],
    ["EPERM", "permission"],
    ["ENOSPC", "io"],
    ["EDQUOT", "io"],
    ["EROFS", "io"],
    ["EIO", "io"],
    ["ENXIO", "input"],
  ])("%s is %s", (errno, code) => expect(named(errno)).toBe(code));

  test("what is no file error passes as it is", () => {
    expect(() =>
      attempt("p", () => {
        throw new RangeError("bug");
      }),
    ).toThrow(RangeError);
  });
});

describe("append", () => {
  test("adds after the size given and cuts what stood beyond it", () => {
    const path = join(scratch(), "log");
    files.append(path, 0, Buffer.from("one\n"));
    expect(statSync(path).mode & 0o777).toBe(0o600);
    files.append(path, 4, Buffer.from("tw"));
    files.append(path, 4, Buffer.from("two\n"));
    expect(readFileSync(path, "utf8")).toBe("one\ntwo\n");
    expect(files.readFrom(path, 4, 10).toString()).toBe("two\n");
    expect(files.readFrom(path, 8, 10).length).toBe(0);
    expect(files.readFrom(path, 80, 10).length).toBe(0);
    expect(codeOf(() => files.readFrom(path, 0, 7))).toBe("input");
    expect(codeOf(() => files.readFrom(scratch(), 0, 7))).toBe("input");
  });

  test("names what cannot be written to", () => {
    const directory = scratch();
    expect(codeOf(() => files.append(directory, 0, Buffer.from("x")))).toBe("input");
    expect(codeOf(() => files.append(join(directory, "none", "x"), 0, Buffer.from("x")))).toBe("not-found");
  });
});

describe("flush", () => {
  test("runs the system's own sync with nothing of our environment", async () => {
    const directory = scratch();
    const [fake, told] = [join(directory, "sync"), join(directory, "told")];
    writeFileSync(fake, `#!/bin/sh\n/usr/bin/env > '${told}'\n`, { mode: 0o755 });
    vi.stubEnv("PATH", `${directory}:${process.env["PATH"]}`);
    vi.stubEnv("FLEETSEC_PASSPHRASE", "open sesame");
    const spawned = vi.spyOn(process.getBuiltinModule("node:child_process"), "execFile");
    try {
      expect(await files.flush(directory)).toBe(true);
      expect(spawned.mock.calls.map(([program, args, options]) => [program, args, options])).toEqual([
        [expect.stringMatching(/^\/(usr\/)?bin\/sync$/), ["-f", directory], { env: {} }],
      ]);
      expect(existsSync(told)).toBe(false);
      // what it would have been told by its name alone
      execFileSync("sync", ["-f", directory]);
      expect(readFileSync(told, "utf8")).toContain("open sesame");
    } finally {
      spawned.mockRestore();
      vi.unstubAllEnvs();
    }
    expect(await files.flush(join(directory, "none"))).toBe(false);
  });
});

describe("writeDirectory", () => {
  const entries = [
    { name: "key", data: "secret", mode: 0o600 },
    { name: "cert", data: "public", mode: 0o644 },
  ];

  test("creates all files at once, with their modes", () => {
    const path = join(scratch(), "1");
    files.writeDirectory(path, entries);
    expect(readdirSync(path)).toEqual(["cert", "key"]);
    expect(statSync(join(path, "key")).mode & 0o777).toBe(0o600);
    expect(statSync(path).mode & 0o777).toBe(0o700);
  });

  test("refuses a directory that is there, and leaves nothing of the attempt", () => {
    const parent = scratch();
    const path = join(parent, "1");
    files.writeDirectory(path, entries);
    expect(codeOf(() => files.writeDirectory(path, [{ name: "other", data: "", mode: 0o600 }]))).toBe(
      "exists",
    );
    expect(readdirSync(parent)).toEqual(["1"]);
    expect(readdirSync(path)).toEqual(["cert", "key"]);
    expect(codeOf(() => files.writeDirectory(join(parent, "none", "x"), entries))).toBe("not-found");
    expect(codeOf(() => files.writeDirectory(join(parent, "2"), [{ name: "a/b", data: "", mode: 0 }]))).toBe(
      "not-found",
    );
    expect(readdirSync(parent)).toEqual(["1"]);
  });
});
