// Reads a certificate and its key again and again, until its standard input ends, and then prints
// what it saw as JSON. A pair that does not match ends it at once with 1.
//   node reader.mjs together DIR PAUSE    resolves DIR/current once and reads from there, and opens bundle.pem
//   node reader.mjs apart DIR PAUSE       opens current/cert.pem and current/key.pem one after the other
// DIR is that of a NAME, PAUSE the milliseconds between two looks.
import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, realpathSync } from "node:fs";
import { join } from "node:path";
import { setTimeout } from "node:timers/promises";

const [mode, directory, pause] = process.argv.slice(2);
const seen = { reads: 0, serials: 0, missing: 0 };
const stdin = { ended: false };
let last = "";
process.stdin.resume().on("end", () => (stdin.ended = true));

const read = (...path) => readFileSync(join(...path), "utf8");

function requireMatch(certificate, key, where) {
  const parsed = new X509Certificate(certificate);
  if (!parsed.checkPrivateKey(createPrivateKey(key))) throw new Error(`mismatch in ${where}`);
  if (parsed.serialNumber !== last) seen.serials += 1;
  last = parsed.serialNumber;
}

const looks = {
  together() {
    const generation = realpathSync(join(directory, "current"));
    requireMatch(read(generation, "cert.pem"), read(generation, "key.pem"), generation);
    const bundle = read(directory, "current", "bundle.pem");
    requireMatch(bundle.slice(bundle.indexOf("-----BEGIN CERT")), bundle, "bundle.pem");
  },
  apart() {
    const certificate = read(directory, "current", "cert.pem");
    requireMatch(certificate, read(directory, "current", "key.pem"), "two paths");
  },
};

function look() {
  try {
    looks[mode]();
    return true;
  } catch (error) {
    // a generation is kept for 10 s after it was replaced; who is slower has to begin anew
    if (error.code !== "ENOENT") throw error;
    seen.missing += 1;
    return false;
  }
}

// the first look comes before a line is printed, and the last after standard input has ended
for (let isLast = false, isSeen = false; !(isLast && isSeen); await setTimeout(Number(pause))) {
  isLast = stdin.ended;
  isSeen = look();
  if (isSeen && seen.reads === 0) process.stdout.write("\n");
  if (isSeen) seen.reads += 1;
}
process.stdout.write(`${JSON.stringify(seen)}\n`);
