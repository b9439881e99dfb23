// A store of many small batches, as `logs sign` leaves it behind, for `npm run bench:logs -- --year`: the
// signer itself syncs each of its files and would take ten minutes. verify-logs says whether it is one.
import { createHash, generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { formatCheckpoint } from "../../dist/logs/checkpoint.js";
import { batchPath, checkpointPath, hashesPath } from "../../dist/logs/layout.js";
import { formatLeaf } from "../../dist/logs/leaf.js";
import { growingTree, leafHash, rootOf } from "../../dist/logs/merkle.js";
import { localSigner, signNote } from "../../dist/logs/signer.js";
import { bundlePath, encodeBundle, tilePath, tilesOf } from "../../dist/logs/tiles.js";
import { formatVerifierKey, verifierKey } from "../../dist/logs/verifier-key.js";

const sha256 = (data) => createHash("sha256").update(data).digest("hex");

const lineOf = (n) =>
  JSON.stringify({
    timestamp: new Date(1_763_850_000_000 + 150_000 * n).toISOString(),
    service: "gateway",
    event_type: "authorization",
    request_id: `req-${String(n).padStart(12, "0")}`,
    identity: { subject: `spiffe://fleet.internal/vehicle/${n % 5000}`, roles: ["vehicle_agent"] },
    policy_id: "fleet.authz",
    decision: "allow",
    reason: "x",
  });

/** Writes `store`, of batches of two records every five minutes, and `log.pub`, whose path it gives. */
export async function writeYear(directory, batches) {
  const { privateKey, publicKey } = generateKeyPairSync("ed25519");
  const key = verifierKey("bench.example/log", "ed25519", publicKey);
  const trust = join(directory, "log.pub");
  writeFileSync(trust, `${formatVerifierKey(key)}\n`);
  const linesOf = (seq) => [lineOf(2 * seq), lineOf(2 * seq + 1)];
  await writeStore(join(directory, "store"), localSigner(key, privateKey), batches, linesOf);
  return trust;
}

async function writeStore(directory, signer, batches, linesOf) {
  const folders = new Set();
  const write = (path, data) => {
    const to = join(directory, path);
    if (!folders.has(dirname(to))) mkdirSync(dirname(to), { recursive: true });
    folders.add(dirname(to));
    writeFileSync(to, data);
  };
  const tree = growingTree();
  const [leaves, levels] = [[], []];
  let prev;
  let note = "";
  for (let seq = 0; seq < batches; seq += 1) {
    const lines = linesOf(seq);
    const data = Buffer.from(lines.map((line) => `${line}\n`).join(""));
    const hashes = Buffer.concat(lines.map((line) => leafHash(Buffer.from(line))));
    const from = 1_763_850_000 + 300 * seq;
    const leaf = formatLeaf({
      seq,
      from,
      to: from + 300,
      records: lines.length,
      bytes: data.length,
      sha256: sha256(data),
      root: rootOf(hashes),
      prev,
    });
    prev = sha256(leaf);
    leaves.push(leaf);
    tree.append(leafHash(leaf));
    write(batchPath(seq), data);
    write(hashesPath(seq), hashes);
    const size = seq + 1;
    for (let [level, nodes] = [0, [leafHash(leaf)]]; nodes.length > 0; level += 1) {
      (levels[level] ??= []).push(...nodes);
      const isFull = levels[level].length % 256 === 0;
      nodes = isFull ? [rootOf(Buffer.concat(levels[level].slice(-256)))] : [];
    }
    for (const { level, index, width } of tilesOf(size, seq)) {
      // partial tiles go when their full one comes
      if (width < 256 && index < Math.floor(batches / 256 ** (level + 1))) continue;
      const [start, end] = [index * 256, index * 256 + width];
      write(tilePath({ level, index, width }), Buffer.concat(levels[level].slice(start, end)));
      if (level === 0) write(bundlePath(index, width), encodeBundle(leaves.slice(start, end)));
    }
    note = await signNote(formatCheckpoint({ origin: signer.key.name, size, root: tree.root() }), [signer]);
    write(checkpointPath(size), note);
  }
  write("checkpoint", note);
}
