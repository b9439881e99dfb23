// Makes a key in a token, opens it once more, and signs so many messages with both at once: node sign-at-once.mjs URI
// COUNT. Prints how many signatures are right, and how many are of another message, which must be none.
import { createPublicKey, verify } from "node:crypto";
import { systemPlatform } from "../../dist/platform/system.js";

const [uri, count] = process.argv.slice(2);
const { tokens } = systemPlatform(new AbortController().signal);
const key = await tokens.generate(uri, "p256");
const again = await tokens.open(key.uri);
const publicKey = createPublicKey({ key: Buffer.from(again.spki), format: "der", type: "spki" });
const messages = Array.from({ length: Number(count) }, (_, n) => Buffer.from(`message ${n}`));
const signatures = await Promise.all(
  messages.map((message, n) => (n % 2 === 0 ? key : again).sign(message, "sha256")),
);
const isRight = (message, n) => verify("sha256", message, publicKey, signatures[n]);
const right = messages.filter(isRight).length;
// the control: a signature holds for its own message only
const wrong = messages.filter((_, n) => isRight(messages.at(n - 1), n)).length;
console.log(JSON.stringify({ schema: "signatures", right, wrong }));
