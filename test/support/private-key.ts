/** What DER of private keys holds early: PKCS#8, SEC 1 and PKCS#1, in hexadecimal. */
const FORMS = [
  // version 0, and an algorithm (Ed25519, EC, RSA)
  /02010030..06(?:032b6570|072a8648ce3d0201|092a864886f70d010101)/,
  // version 1, and a number of 32, 48 or 66 octets
  /02010104(?:20|30|42)/,
  // version 0, and a modulus
  /3082....0201000282/,
];

/** Whether a file holds a private key in a form that programs read, sealed in PEM or open. */
export function holdsPrivateKey(file: Uint8Array): boolean {
  const hex = Buffer.from(file).toString("hex");
  return Buffer.from(file).includes("PRIVATE KEY") || FORMS.some((form) => form.test(hex));
}
