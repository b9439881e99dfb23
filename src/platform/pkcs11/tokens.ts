import { randomBytes } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { attempt, CK, type Handle, numberOf, reasonOf, type Template } from "./cryptoki.ts";
import { publicKeyAttributes, spkiFrom, type TokenKeyType, generation } from "./key-types.ts";
import { type Session, sessionFor, type TokenSettings } from "./session.ts";
import { signWith } from "./sign.ts";
import { formatPkcs11Uri, parsePkcs11Uri, type Pkcs11Uri } from "./uri.ts";

/** A private key in a token: it can be used there and never leaves. */
export interface TokenKey {
  /** Names the key, its token and its library completely; holds no PIN. */
  readonly uri: string;
  /** The public key as DER SubjectPublicKeyInfo. */
  readonly spki: Uint8Array;
  /**
   * Signs data: ECDSA as a DER sequence, RSA as PKCS #1 v1.5, Ed25519 as 64 bytes. Any number of
   * signatures may be asked for at once; they are made one after another.
   * @throws FleetsecError `engine` where the token fails
   */
  sign(data: Uint8Array, hash: "sha256" | "sha384" | "sha512"): Promise<Uint8Array>;
}

/** HSMs, TPMs and smart cards behind PKCS#11 libraries. */
export interface Tokens {
  /** @throws FleetsecError `usage`, `not-found`, `passphrase` for the PIN, `engine` */
  open(uri: string): Promise<TokenKey>;
  /** Makes a key pair in a token, labelled as the URI's `object` says. @throws FleetsecError `exists`, as `open` */
  generate(uri: string, type: TokenKeyType): Promise<TokenKey>;
  /** The same, asking a person where no PIN is given. */
  asking(pin: () => Promise<string>): Tokens;
}

export function systemTokens(settings: TokenSettings): Tokens {
  return {
    async open(text) {
      const uri = parsePkcs11Uri(text);
      const session = await sessionFor(uri, settings);
      return session.run(() => {
        const [key, second] = find(session, uri, CK.PRIVATE_KEY);
        if (key === undefined) throw noKey(uri);
        if (second !== undefined) {
          throw new FleetsecError("usage", "several private keys fit the PKCS#11 URI", {
            hint: "name one with id, or with object",
          });
        }
        return tokenKey(session, key, uri);
      });
    },
    async generate(text, type) {
      const uri = parsePkcs11Uri(text);
      const label = uri.object;
      if (label === undefined) {
        throw new FleetsecError("usage", "a key that is made in a token needs a label", {
          hint: "name it with object in the PKCS#11 URI",
        });
      }
      const session = await sessionFor(uri, settings);
      return session.run(async () => {
        const id = uri.id === undefined ? randomBytes(20) : Buffer.from(uri.id, "hex");
        if (find(session, { object: label, id: id.toString("hex") }, CK.PRIVATE_KEY).length > 0) {
          throw new FleetsecError("exists", "there is a key of that label and id in the token already");
        }
        const key = await generate(session, type, label, id);
        return tokenKey(session, key, uri);
      });
    },
    asking: (ask) => systemTokens({ ...settings, ask }),
  };
}

function noKey(uri: Pkcs11Uri): FleetsecError {
  return new FleetsecError("not-found", `there is no private key ${formatPkcs11Uri(uri)}`, {
    hint: "list what the token holds with pkcs11-tool --login --list-objects",
  });
}

/** Two objects at most: more than one is as bad as many. */
function find({ library, handle }: Session, uri: Pkcs11Uri, kind: number): Handle[] {
  const template: Template = [
    { type: CK.CLASS, value: kind },
    ...(uri.object === undefined ? [] : [{ type: CK.LABEL, value: uri.object }]),
    ...(uri.id === undefined ? [] : [{ type: CK.ID, value: Buffer.from(uri.id, "hex") }]),
  ];
  return attempt("the token cannot be searched", () => {
    library.C_FindObjectsInit(handle, template);
    try {
      return library.C_FindObjects(handle, 2);
    } finally {
      library.C_FindObjectsFinal(handle);
    }
  });
}

/** @param uri that it was asked for by: where the PIN is read is a matter of each key */
function tokenKey(session: Session, key: Handle, { pinSource }: Pkcs11Uri): TokenKey {
  const { library, handle, where } = session;
  const read = (object: Handle, ...types: number[]) =>
    attempt("a key's attributes cannot be read", () =>
      library
        .C_GetAttributeValue(
          handle,
          object,
          types.map((type) => ({ type })),
        )
        .map(({ value }) => value),
    );
  const [label, id] = read(key, CK.LABEL, CK.ID);
  const named: Pkcs11Uri = {
    ...where,
    ...(label === undefined || label.length === 0 ? {} : { object: label.toString("utf8") }),
    ...(id === undefined || id.length === 0 ? {} : { id: id.toString("hex") }),
    ...(pinSource === undefined ? {} : { pinSource }),
  };
  const [publicKey] = find(session, named, CK.PUBLIC_KEY);
  if (publicKey === undefined) {
    throw new FleetsecError("not-found", "the token has no public key beside the private one", {
      hint: "put it there with the same label and id",
    });
  }
  const [keyType = Buffer.alloc(8)] = read(publicKey, CK.KEY_TYPE);
  const type = numberOf(keyType);
  const spki = spkiFrom(type, read(publicKey, ...publicKeyAttributes(type)));
  return {
    uri: formatPkcs11Uri(named),
    spki,
    sign: (data, hash) => session.run(() => signWith(session, key, spki, data, hash)),
  };
}

async function generate(session: Session, type: TokenKeyType, label: string, id: Buffer): Promise<Handle> {
  const { mechanism, publicTemplate } = generation(type);
  const common: Template = [
    { type: CK.TOKEN, value: true },
    { type: CK.LABEL, value: label },
    { type: CK.ID, value: id },
  ];
  try {
    const pair = await session.library.C_GenerateKeyPairAsync(
      session.handle,
      { mechanism },
      [...common, { type: CK.VERIFY, value: true }, ...publicTemplate],
      [
        ...common,
        { type: CK.PRIVATE, value: true },
        { type: CK.SENSITIVE, value: true },
        { type: CK.EXTRACTABLE, value: false },
        { type: CK.SIGN, value: true },
      ],
    );
    return pair.privateKey;
  } catch (cause) {
    throw new FleetsecError("engine", `the token makes no ${type} key: ${reasonOf(cause)}`, {
      hint: "use another key type, or make the key with the token's own tools and name it",
      cause,
    });
  }
}
