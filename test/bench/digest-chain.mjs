// What CloudTrail's digest files do, over the same batches, for `npm run bench:logs`: a digest document for
// each batch holds its SHA-256 and the signature of the document before, and is signed with RSA-2048. The
// verification walks back from the newest, as `aws cloudtrail validate-logs` does, in Python with hashlib.
import { createHash, generateKeyPairSync, sign } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** Writes the documents and the verifier into `directory`; gives the arguments of python3. */
export function writeDigestChain(directory, batches) {
  mkdirSync(directory);
  const { privateKey, publicKey } = generateKeyPairSync("rsa", { modulusLength: 2048 });
  let previous = "";
  for (const [n, path] of batches.toSorted().entries()) {
    const sha256 = createHash("sha256").update(readFileSync(path)).digest("hex");
    const text = JSON.stringify({ path, sha256, previousDigestSignature: previous });
    writeFileSync(join(directory, `${n}.json`), text);
    previous = sign("sha256", Buffer.from(text), privateKey).toString("hex");
  }
  writeFileSync(join(directory, "newest.sig"), previous);
  writeFileSync(join(directory, "key.pem"), publicKey.export({ type: "spki", format: "pem" }));
  writeFileSync(join(directory, "verify.py"), VERIFY);
  return [join(directory, "verify.py"), directory, String(batches.length)];
}

const VERIFY = `
import hashlib, json, sys
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding

directory, count = sys.argv[1], int(sys.argv[2])
key = serialization.load_pem_public_key(open(f"{directory}/key.pem", "rb").read())
signature = open(f"{directory}/newest.sig").read()
for n in reversed(range(count)):
    document = open(f"{directory}/{n}.json", "rb").read()
    key.verify(bytes.fromhex(signature), document, padding.PKCS1v15(), hashes.SHA256())
    fields = json.loads(document)
    digest = hashlib.sha256()
    with open(fields["path"], "rb") as batch:
        while block := batch.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() != fields["sha256"]:
        sys.exit(f"{fields['path']} is altered")
    signature = fields["previousDigestSignature"]
sys.exit(0 if signature == "" else "the chain does not begin")
`;
