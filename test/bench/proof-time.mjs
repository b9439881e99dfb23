// How long one proof takes to verify, in process, once the code is warm.
import { createHash, createPublicKey, generateKeyPairSync } from "node:crypto";
import { formatTlogProof } from "../../dist/logs/proof/tlog-proof.js";
import { formatOpening } from "../../dist/logs/proof/record-opening.js";
import { verifyProof } from "../../dist/logs/proof/verify-proof.js";
import { formatCheckpoint } from "../../dist/logs/checkpoint.js";
import { formatLeaf } from "../../dist/logs/leaf.js";
import { leafHash, nodeHash } from "../../dist/logs/merkle.js";
import { localSigner, signNote } from "../../dist/logs/signer.js";
import { verifierKey } from "../../dist/logs/verifier-key.js";

/** A leaf at the left edge of a tree of 2^height leaves: every hash of its path can be made up. */
function climb(leaf, height) {
  const path = Array.from({ length: height }, (_, i) => createHash("sha256").update(`${i}`).digest());
  return { path, root: path.reduce((hash, sibling) => nodeHash(hash, sibling), leaf) };
}

export async function secondsPerProof() {
  const { privateKey } = generateKeyPairSync("ed25519");
  const key = verifierKey("bench.example/log", "ed25519", createPublicKey(privateKey));
  const record = Buffer.from(JSON.stringify({ request_id: "req-1", reason: "x".repeat(250) }));
  const inner = climb(leafHash(record), 17);
  const leaf = formatLeaf({
    seq: 0,
    from: 1,
    to: 2,
    records: 2 ** 17,
    bytes: 2 ** 17 * 300,
    sha256: "0".repeat(64),
    root: inner.root,
    prev: undefined,
  });
  const outer = climb(leafHash(leaf), 20);
  const text = formatCheckpoint({ origin: "bench.example/log", size: 2 ** 20, root: outer.root });
  const proof = formatTlogProof({
    extra: formatOpening({ index: 0, path: inner.path, leaf, record }),
    index: 0,
    path: outer.path,
    checkpoint: Buffer.from(await signNote(text, [localSigner(key, privateKey)])),
  });
  const request = {
    proof,
    trust: { logs: [key], witnesses: new Map(), quorum: undefined },
    old: undefined,
    now: 3,
  };
  const RUNS = 500;
  let start = 0;
  for (let i = -RUNS; i < RUNS; i += 1) {
    if (i === 0) start = performance.now();
    const { ok, findings } = verifyProof(request);
    if (!ok) throw new Error(JSON.stringify(findings));
  }
  console.log(`a proof of 2^17 records in 2^20 batches: ${proof.length} bytes`);
  return (performance.now() - start) / 1000 / RUNS;
}
