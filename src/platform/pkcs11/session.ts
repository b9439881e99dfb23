import { createHash } from "node:crypto";
import { FleetsecError } from "../../errors.ts";
import { attempt, CK, type Cryptoki, type Handle, loadLibrary, numberOf, reasonOf } from "./cryptoki.ts";
import type { Pkcs11Uri } from "./uri.ts";

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

/** The session with the token that fits, logged in. @throws FleetsecError as `Tokens.open` */
export async function sessionFor(uri: Pkcs11Uri, settings: TokenSettings): Promise<Session> {
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
