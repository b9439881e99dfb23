import { createRequire } from "node:module";
import { join } from "node:path";
import { FleetsecError } from "../../errors.ts";

/** The part of the optional package pkcs11js that is used here. Handles are bytes. */
export interface Cryptoki {
  load(library: string): void;
  C_Initialize(): void;
  C_Finalize(): void;
  C_GetSlotList(tokenPresent: boolean): Handle[];
  C_GetTokenInfo(slot: Handle): {
    readonly label: string;
    readonly manufacturerID: string;
    readonly model: string;
    readonly serialNumber: string;
  };
  C_OpenSession(slot: Handle, flags: number): Handle;
  C_Login(session: Handle, userType: number, pin: string): void;
  C_FindObjectsInit(session: Handle, template: Template): void;
  C_FindObjects(session: Handle, max: number): Handle[];
  C_FindObjectsFinal(session: Handle): void;
  C_GetAttributeValue(session: Handle, object: Handle, template: Template): { readonly value: Buffer }[];
  C_GenerateKeyPairAsync(
    session: Handle,
    mechanism: Mechanism,
    publicTemplate: Template,
    privateTemplate: Template,
  ): Promise<{ readonly privateKey: Handle; readonly publicKey: Handle }>;
  C_SignInit(session: Handle, mechanism: Mechanism, key: Handle): void;
  C_SignAsync(session: Handle, data: Buffer, signature: Buffer): Promise<Buffer>;
}

export type Handle = Buffer;
export type Template = readonly { readonly type: number; readonly value?: unknown }[];
export interface Mechanism {
  readonly mechanism: number;
  readonly parameter?: unknown;
}

/** Numbers of PKCS #11 (OASIS, version 3.1, appendix B). */
export const CK = {
  SERIAL_SESSION: 4,
  RW_SESSION: 2,
  USER: 1,
  CLASS: 0,
  TOKEN: 1,
  PRIVATE: 2,
  LABEL: 3,
  KEY_TYPE: 0x100,
  ID: 0x102,
  SENSITIVE: 0x103,
  SIGN: 0x108,
  VERIFY: 0x10a,
  MODULUS: 0x120,
  MODULUS_BITS: 0x121,
  PUBLIC_EXPONENT: 0x122,
  EXTRACTABLE: 0x162,
  EC_PARAMS: 0x180,
  EC_POINT: 0x181,
  PUBLIC_KEY: 2,
  PRIVATE_KEY: 3,
  RSA: 0,
  EC: 3,
  EC_EDWARDS: 0x40,
  RSA_PKCS_KEY_PAIR_GEN: 0,
  RSA_PKCS: 1,
  EC_KEY_PAIR_GEN: 0x1040,
  ECDSA: 0x1041,
  EC_EDWARDS_KEY_PAIR_GEN: 0x1055,
  EDDSA: 0x1057,
} as const;

const PACKAGE = "pkcs11js";
/** One for each library in a process: it is initialised, and logged into, once. */
const libraries = new Map<string, Cryptoki>();

/**
 * Loads a PKCS#11 library.
 * @param modules a directory with `node_modules`, where the optional package is searched after our own
 * @throws FleetsecError `engine` where the package or the library is not there
 */
export function loadLibrary(path: string, modules: string | undefined): Cryptoki {
  const known = libraries.get(path);
  if (known !== undefined) return known;
  const { PKCS11 } = loadPackage(modules);
  const library = new PKCS11();
  try {
    library.load(path);
    library.C_Initialize();
  } catch (cause) {
    throw new FleetsecError("engine", `${path} is no PKCS#11 library that can be used: ${reasonOf(cause)}`, {
      hint: "check module-path, and what the library itself needs: a configuration, a device, a daemon",
      cause,
    });
  }
  libraries.set(path, library);
  // a TPM's library leaves its sessions in the TPM otherwise
  process.once("exit", () => {
    try {
      library.C_Finalize();
    } catch {
      // nothing is left to be done
    }
  });
  return library;
}

function loadPackage(modules: string | undefined): { readonly PKCS11: new () => Cryptoki } {
  const places = [import.meta.url, ...(modules === undefined ? [] : [join(modules, "package.json")])];
  for (const place of places) {
    try {
      return createRequire(place)(PACKAGE) as { PKCS11: new () => Cryptoki };
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "MODULE_NOT_FOUND") {
        throw new FleetsecError("engine", `${PACKAGE} cannot be loaded: ${reasonOf(error)}`, {
          hint: `build it for this Node: npm rebuild ${PACKAGE}`,
          cause: error,
        });
      }
    }
  }
  throw new FleetsecError("engine", `keys in a token need the package ${PACKAGE}, which is not installed`, {
    hint: `npm install ${PACKAGE} beside fleetsec, or where FLEETSEC_MODULES says; it is compiled then, with python3, make and a C++ compiler`,
  });
}

/** The name of a Cryptoki error, such as CKR_PIN_INCORRECT, or the message of any other. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return /CKR_[A-Z_]+/.exec(text)?.[0] ?? text.slice(0, 200);
}

/** A CK_ULONG as the package gives it: little-endian bytes. */
export function numberOf(handle: Buffer): number {
  return Number(handle.readBigUInt64LE(0));
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
