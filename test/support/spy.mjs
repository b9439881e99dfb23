// What a child process of fleetsec is: everything that is to be seen of it from outside while it runs, and
// of what it leaves when it dies. Arguments: where to keep that, then the program that it stands for, if any, then `--`.
import { spawnSync } from "node:child_process";
import {
  closeSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  readSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";

const args = process.argv.slice(2);
const end = args.indexOf("--");
const [place = "", ...standsFor] = args.slice(0, end);
const directory = mkdtempSync(join(place, "child-"));
const keep = (name, data) => writeFileSync(join(directory, name), data);

for (const name of ["cmdline", "environ"]) keep(name, readFileSync(`/proc/self/${name}`));
keep("parent-cmdline", readFileSync(`/proc/${process.ppid}/cmdline`));
keep("open-files", readdirSync("/proc/self/fd").map(linkOf).join("\n"));
keep("memory", memory());
// the system's own words for the directory that a core file is written to
spawnSync("/bin/sh", ["-c", "ulimit -c $(ulimit -Hc); kill -ABRT $$"], { cwd: directory });
keep("done", "");

const [program, ...first] = standsFor;
if (program !== undefined) {
  process.exitCode = spawnSync(program, [...first, ...args.slice(end + 1)], { stdio: "inherit" }).status ?? 1;
}

function linkOf(name) {
  try {
    return readlinkSync(`/proc/self/fd/${name}`);
  } catch {
    // the one that the list was read by
    return "";
  }
}

/** The stack, where the environment and the arguments are, and the heap. */
function memory() {
  const file = openSync("/proc/self/mem", "r");
  const parts = readFileSync("/proc/self/maps", "latin1")
    .split("\n")
    .flatMap((line) => {
      const [, from = "", to = ""] = /^([0-9a-f]+)-([0-9a-f]+) rw.*\[(?:stack|heap)\]$/.exec(line) ?? [];
      if (from === "") return [];
      const part = Buffer.alloc(Number.parseInt(to, 16) - Number.parseInt(from, 16));
      return [part.subarray(0, readSync(file, part, 0, part.length, Number.parseInt(from, 16)))];
    });
  closeSync(file);
  return Buffer.concat(parts);
}
