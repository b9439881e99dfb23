import { type Attack, type Attempt, withHello } from "../attack.ts";
import { wasResumed } from "../evidence.ts";
import type { Revise } from "../variant.ts";
import { strongSuites } from "./fixes.ts";

type Described = Pick<Attack, "id" | "title" | "reference" | "meaning" | "plan"> &
  Partial<Pick<Attack, "versions">>;

/** A client without a certificate that offers nothing but suites which no server should take. */
function suites(attack: Described): Attack {
  return {
    fix: strongSuites,
    weight: "required",
    takesIdentity: false,
    // those of TLS 1.3 are all authenticated and strong
    versions: ["1.2"],
    ...attack,
  };
}

const over = (ciphers: string) => async () => ({ attempts: [withHello({ ciphers })] });

/** As far as our own library has them: without forward secrecy, or of less than 128 bits. */
export const weakCiphers = suites({
  id: "weak-ciphers",
  title: "no certificate, over a weak cipher suite",
  reference: "RFC 9325 section 4.1",
  meaning: "old suites are taken, and clients without a certificate are served over them",
  plan: over("kRSA:3DES:RC4:SEED:IDEA:!eNULL:!PSK:!SRP:@SECLEVEL=0"),
});

export const anonymousSuites = suites({
  id: "anonymous-suites",
  title: "over a suite that authenticates nobody",
  reference: "RFC 5246 appendix F.1.1.1, RFC 9325 section 4.1",
  meaning: "anonymous Diffie-Hellman is taken: neither side ever shows a certificate",
  plan: over("aNULL:!eNULL:@SECLEVEL=0"),
});

export const nullSuites = suites({
  id: "null-suites",
  title: "no certificate, over a suite that encrypts nothing",
  reference: "RFC 9325 section 4.1",
  meaning: "suites without encryption are taken, and clients without a certificate are served over them",
  plan: over("eNULL:@SECLEVEL=0"),
});

/** Of TLS 1.3, those of the hash that a key has which comes without one (RFC 8446, section 4.2.11). */
const PSK_SUITES = {
  "1.2": "PSK:!eNULL:@SECLEVEL=0",
  "1.3": "TLS_AES_128_GCM_SHA256:TLS_CHACHA20_POLY1305_SHA256:PSK:@SECLEVEL=0",
};

/** A server that does not know the key goes on with its certificate: whoever is let in then has shown nothing at all. */
const whereTaken: Revise = (judgement, { encounter: { trace } }) =>
  judgement.outcome === "accepted" && !wasResumed(trace)
    ? { outcome: "not-applicable", layer: "tls", evidence: "the key was not taken" }
    : judgement;

/** Of OpenSSL's manual. */
const IDENTITY = "Client_identity";

/** A pre-shared key takes the place of certificates; some are known to everybody. */
export const pskSuites = suites({
  id: "psk-suites",
  title: "over a pre-shared key that everybody knows",
  reference: "RFC 4279 section 7, RFC 8446 section 2.2, RFC 9257 section 4",
  meaning: "a pre-shared key out of a manual opens the service without any certificate",
  versions: ["1.3", "1.2"],
  async plan({ version }) {
    const is13 = version === "1.3";
    const ciphers = PSK_SUITES[is13 ? "1.3" : "1.2"];
    const attempts = [
      { identity: IDENTITY, key: "1a2b3c4d", kind: "the key of OpenSSL's manual" },
      // TLS 1.3 has no empty identity
      { identity: is13 ? IDENTITY : "", key: "00".repeat(16), kind: "zeros" },
    ].map(({ identity, key, kind }): Attempt => {
      const hello = { ciphers, psk: { identity, key: Buffer.from(key, "hex") } };
      return { ...withHello(hello, kind), ...(is13 ? { revise: whereTaken } : {}) };
    });
    return { attempts };
  },
});
