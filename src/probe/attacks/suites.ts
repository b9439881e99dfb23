import { type Attack, type Attempt, withHello } from "../attack.ts";
import { strongSuites } from "./fixes.ts";

type Described = Pick<Attack, "id" | "title" | "reference" | "meaning"> & {
  readonly attempts: readonly Attempt[];
};

/** A client without a certificate that offers nothing but suites which no server should take. */
function suites({ attempts, ...attack }: Described): Attack {
  return {
    ...attack,
    fix: strongSuites,
    weight: "required",
    takesIdentity: false,
    // those of TLS 1.3 are all authenticated and strong
    versions: ["1.2"],
    plan: async () => ({ attempts }),
  };
}

/** As far as our own library has them: without forward secrecy, or of less than 128 bits. */
export const weakCiphers = suites({
  id: "weak-ciphers",
  title: "no certificate, over a weak cipher suite",
  reference: "RFC 9325 section 4.1",
  meaning: "old suites are taken, and clients without a certificate are served over them",
  attempts: [withHello({ ciphers: "kRSA:3DES:RC4:SEED:IDEA:!eNULL:!PSK:!SRP:@SECLEVEL=0" })],
});

export const anonymousSuites = suites({
  id: "anonymous-suites",
  title: "over a suite that authenticates nobody",
  reference: "RFC 5246 appendix F.1.1.1, RFC 9325 section 4.1",
  meaning: "anonymous Diffie-Hellman is taken: neither side ever shows a certificate",
  attempts: [withHello({ ciphers: "aNULL:!eNULL:@SECLEVEL=0" })],
});

export const nullSuites = suites({
  id: "null-suites",
  title: "no certificate, over a suite that encrypts nothing",
  reference: "RFC 9325 section 4.1",
  meaning: "suites without encryption are taken, and clients without a certificate are served over them",
  attempts: [withHello({ ciphers: "eNULL:@SECLEVEL=0" })],
});

/** A pre-shared key takes the place of certificates; some are known to everybody. */
export const pskSuites = suites({
  id: "psk-suites",
  title: "over a pre-shared key that everybody knows",
  reference: "RFC 4279 section 7, RFC 9257 section 4",
  meaning: "a pre-shared key out of a manual opens the service without any certificate",
  attempts: [
    { identity: "Client_identity", key: "1a2b3c4d", kind: "the key of OpenSSL's manual" },
    { identity: "", key: "00".repeat(16), kind: "zeros" },
  ].map(({ identity, key, kind }) =>
    withHello({ ciphers: "PSK:!eNULL:@SECLEVEL=0", psk: { identity, key: Buffer.from(key, "hex") } }, kind),
  ),
});
