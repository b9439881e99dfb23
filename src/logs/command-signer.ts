import { FleetsecError } from "../errors.ts";
import type { Platform } from "../platform/platform.ts";
import { parseBase64 } from "./base64.ts";
import type { LogSigner } from "./signer.ts";
import { type VerifierKey, verifySignature } from "./verifier-key.ts";

/** Milliseconds for one signature: a person may have to touch a token. */
const TIMEOUT = 60_000;
/** And for the last one, when fleetsec is to end. */
const LINGER = 5000;
/** An ECDSA P-256 signature in DER has up to 72 bytes; base64 and some white space fit too. */
const MAX_OUTPUT = 4096;

/**
 * A signer whose private key is behind a command: the text to be signed comes on its standard input,
 * the signature is expected on its standard output, as it is or in base64. Ed25519 signs the text
 * itself; P-256 signs its SHA-256, in DER.
 */
export function commandSigner(
  key: VerifierKey,
  [program, ...args]: readonly [string, ...string[]],
  { exec, signal }: Pick<Platform, "exec" | "signal">,
): LogSigner {
  return {
    key,
    async sign(text) {
      const { exitCode, stdout, stderr, timedOut, overflowed } = await exec.run(program, args, {
        input: text,
        timeout: TIMEOUT,
        linger: LINGER,
        maxOutput: MAX_OUTPUT,
        encoding: "latin1",
        signal,
      });
      if (timedOut) throw failed(program, `did not answer in ${TIMEOUT / 1000} s`);
      if (overflowed) throw failed(program, `wrote more than ${MAX_OUTPUT / 1024} KiB`);
      if (exitCode !== 0) throw failed(program, endOf(exitCode, lastLine(stderr)));
      const signature = [Buffer.from(stdout, "latin1"), parseBase64(stdout.trim())].find(
        (candidate) => candidate !== undefined && verifySignature(key, text, candidate),
      );
      if (signature === undefined)
        throw failed(program, `gave no signature that the key of ${key.name} verifies`);
      return signature;
    },
  };
}

function failed(program: string, what: string): FleetsecError {
  return new FleetsecError("engine", `the signer ${program} ${what}`, {
    hint: "it gets the text on standard input and writes the signature, raw or in base64, to standard output",
  });
}

function endOf(exitCode: number | null, said: string): string {
  return `ended with ${exitCode ?? "a signal"}${said === "" ? ", and said nothing" : `: ${said}`}`;
}

function lastLine(text: string): string {
  return text.trimEnd().split("\n").at(-1)?.slice(0, 200) ?? "";
}
