import { type Attack, presenting } from "../attack.ts";
import { issuerOf } from "../identities/issuer.ts";
import { NEEDS_CA } from "./from-ca.ts";
import { strongSuites } from "./fixes.ts";

type Described = Pick<Attack, "id" | "title" | "reference" | "meaning" | "plan">;

/** A certificate of the right CA, of a strength that was given up. Many servers take it, so it is reported. */
function weak(attack: Described): Attack {
  return { ...attack, fix: strongSuites, weight: "reported", takesIdentity: true, versions: ["1.3", "1.2"] };
}

export const weakKey = weak({
  id: "weak-key",
  title: "with an RSA key of 1024 bits",
  reference: "RFC 9325 section 4.5, NIST SP 800-131A",
  meaning: "keys that can be broken are accepted: keep the CA from certifying any",
  async plan({ forgery, families }) {
    if (forgery.ca === undefined) return { outcome: "not-run", reason: NEEDS_CA };
    if (!families.includes("rsa")) {
      return { outcome: "not-applicable", reason: "the server takes no RSA keys" };
    }
    const issuer = issuerOf(forgery.ca);
    const identity = await forgery.leaf({ family: "rsa", keyType: "rsa1024", issuer });
    return { attempts: [presenting(identity, "", "rsa")] };
  },
});

export const sha1Signature = weak({
  id: "sha1-signature",
  title: "signed by the CA with SHA-1",
  reference: "RFC 9155, CVE-2005-4900",
  meaning: "signatures that can be forged are accepted: keep the CA from making any",
  async plan({ forgery, families }) {
    const { ca } = forgery;
    if (ca === undefined) return { outcome: "not-run", reason: NEEDS_CA };
    if (ca.signer.keyType === "ed25519") {
      return { outcome: "not-applicable", reason: "the CA's key signs with no hash of its choice" };
    }
    const [family] = families;
    if (family === undefined) return { attempts: [] };
    const identity = await forgery.leaf({ family, issuer: issuerOf(ca), hash: "sha1" });
    return { attempts: [presenting(identity, "", family)] };
  },
});
