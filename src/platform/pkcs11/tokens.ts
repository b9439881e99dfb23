import { createHash, randomBytes } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { CK, type Cryptoki, type Handle, loadLibrary, reasonOf, type Template } from "./cryptoki.ts";
import { publicKeyAttributes, spkiFrom, type TokenKeyType, generation } from "./key-types.ts";
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

/** Where PINs and the optional package come from. */
export interface TokenSettings {
  /** PIN of every token. */
  readonly pin: string | undefined;
  /** Reads the PIN from a `pin-source`. @throws FleetsecError */
  readonly readPin: (path: string) => string;
  /** The library where a URI names none. */
  readonly library: string | undefined;
  readonly modules: string | undefined;
  readonly ask?: (() => Promise<string>) | undefined;
}

/** A logged-in session; what is done in it is done one after another (CKR_OPERATION_ACTIVE). */
export interface Session {
  readonly library: Cryptoki;
  readonly handle: Handle;
  readonly where: Pkcs11Uri;
  run<T>(task: () => Promise<T> | T): Promise<T>;
}

/** By library and token: logging in is for the whole process. */
const sessions = new Map<string, Promise<Session>>();
/** By library, token and PIN, hashed. A token locks itself after a few wrong PINs: none is tried twice. */
const wrongPins = new Set<string>();

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

async function sessionFor(uri: Pkcs11Uri, settings: TokenSettings): Promise<Session> {
  const path = uri.modulePath ?? settings.library;
  if (path === undefined) {
    throw new FleetsecError("usage", "the PKCS#11 URI names no library", {
      hint: "add ?module-path=/path/to/library.so, or set FLEETSEC_PKCS11_MODULE",
    });
  }
  const library = loadLibrary(path, settings.modules);
  const { slot, where } = slotFor(library, { ...uri, modulePath: path });
  const key = `${path}\n${slot.toString("hex")}`;
  const known = sessions.get(key);
  if (known !== undefined) return known;
  const opening = pinFor(uri, settings).then((pin) => openSession(library, slot, where, pin));
  sessions.set(key, opening);
  // another PIN may be the right one
  opening.catch(() => sessions.delete(key));
  return opening;
}

/** The one token that fits. Fields are padded with blanks (PKCS #11, section 3.2). */
function slotFor(library: Cryptoki, uri: Pkcs11Uri): { slot: Handle; where: Pkcs11Uri } {
  const slots = attempt("the tokens cannot be listed", () => library.C_GetSlotList(true));
  const fitting = slots.flatMap((slot) => {
    const info = library.C_GetTokenInfo(slot);
    const [token, serial] = [info.label.trimEnd(), info.serialNumber.trimEnd()];
    const fits =
      matches(uri.token, token) &&
      matches(uri.serial, serial) &&
      matches(uri.model, info.model.trimEnd()) &&
      matches(uri.manufacturer, info.manufacturerID.trimEnd()) &&
      (uri.slotId === undefined || uri.slotId === numberOf(slot));
    const named = { token, ...(serial === "" ? {} : { serial }), modulePath: uri.modulePath ?? "" };
    return fits ? [{ slot, where: named }] : [];
  });
  const [first, second] = fitting;
  if (first !== undefined && second === undefined) return first;
  throw new FleetsecError(
    "not-found",
    first === undefined ? "no token fits the PKCS#11 URI" : "several tokens fit the PKCS#11 URI",
    { hint: `list them with pkcs11-tool --module ${uri.modulePath ?? "LIBRARY"} --list-token-slots` },
  );
}

function matches(wanted: string | undefined, found: string): boolean {
  return wanted === undefined || wanted === found;
}

/** A CK_ULONG as the package gives it: little-endian bytes. */
function numberOf(handle: Buffer): number {
  return Number(handle.readBigUInt64LE(0));
}

function openSession(library: Cryptoki, slot: Handle, where: Pkcs11Uri, pin: string): Session {
  const tried = createHash("sha256")
    .update(JSON.stringify([where.modulePath, slot.toString("hex"), pin]))
    .digest("hex");
  if (wrongPins.has(tried)) throw wrongPin();
  const flags = CK.SERIAL_SESSION | CK.RW_SESSION;
  const handle = attempt("no session with the token", () => library.C_OpenSession(slot, flags));
  try {
    library.C_Login(handle, CK.USER, pin);
  } catch (error) {
    const reason = reasonOf(error);
    if (WRONG_PIN.includes(reason)) wrongPins.add(tried);
    if (reason !== "CKR_USER_ALREADY_LOGGED_IN") throw loginFault(reason);
  }
  let last: Promise<unknown> = Promise.resolve();
  return {
    library,
    handle,
    where,
    run(task) {
      const done = last.then(task);
      last = done.catch(() => {});
      return done;
    },
  };
}

const WRONG_PIN: readonly string[] = ["CKR_PIN_INCORRECT", "CKR_PIN_LEN_RANGE", "CKR_PIN_INVALID"];

function wrongPin(): FleetsecError {
  return new FleetsecError("passphrase", "the PIN of the token is wrong", {
    hint: "a token locks itself after a few wrong PINs: check before trying again",
  });
}

/** The cause is left out: it may quote what was asked. */
function loginFault(reason: string): FleetsecError {
  if (WRONG_PIN.includes(reason)) return wrongPin();
  if (reason === "CKR_PIN_LOCKED") {
    return new FleetsecError("passphrase", "the token is locked after too many wrong PINs", {
      hint: "its security officer can set a new PIN",
    });
  }
  return new FleetsecError("engine", `the token lets nobody log in: ${reason}`);
}

async function pinFor({ pinSource }: Pkcs11Uri, settings: TokenSettings): Promise<string> {
  if (pinSource !== undefined) return settings.readPin(pinSource.replace(/^file:(\/\/)?(?=\/)/, ""));
  if (settings.pin !== undefined) return settings.pin;
  if (settings.ask !== undefined) return settings.ask();
  throw new FleetsecError("passphrase", "there is no PIN for the token", {
    hint: "set FLEETSEC_PIN, or name a file of mode 0600 with pin-source in the PKCS#11 URI",
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

/** What the library does not do is a fault of the engine, by its name. */
export function attempt<T>(what: string, task: () => T): T {
  try {
    return task();
  } catch (cause) {
    if (cause instanceof FleetsecError) throw cause;
    throw new FleetsecError("engine", `${what}: ${reasonOf(cause)}`, { cause });
  }
}
