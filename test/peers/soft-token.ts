import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { TokenSettings } from "../../src/platform/pkcs11/session.ts";
import { systemTokens, type Tokens } from "../../src/platform/pkcs11/tokens.ts";
import type { Engine } from "./engines.ts";

export const SOFTHSM = "/usr/lib/softhsm/libsofthsm2.so";
export const PIN = "246810-of-a-test";

/** SoftHSM2 with tokens of a test's own. */
export interface SoftToken {
  readonly tokens: Tokens;
  readonly settings: TokenSettings;
  /** What other processes find it by. */
  readonly env: Readonly<Record<string, string>>;
  remove(): void;
}

/**
 * Makes the tokens `fleet` and `other`. The library reads where they lie when it is initialised: once
 * in a process.
 */
export function softToken(pkcs11js: Engine, softhsm2: Engine): SoftToken {
  const directory = mkdtempSync(join(tmpdir(), "fleetsec-test-"));
  mkdirSync(join(directory, "tokens"));
  const conf = join(directory, "softhsm2.conf");
  writeFileSync(
    conf,
    `directories.tokendir = ${join(directory, "tokens")}\nobjectstore.backend = file\nlog.level = ERROR\n`,
  );
  process.env["SOFTHSM2_CONF"] = conf;
  for (const label of ["fleet", "other"]) {
    const args = ["--init-token", "--free", "--label", label, "--pin", PIN, "--so-pin", "13579"];
    execFileSync(softhsm2.path, args, { stdio: "pipe" });
  }
  const settings = {
    pin: PIN as string | undefined,
    readPin: (path: string) => readFileSync(path, "utf8").trim(),
    library: SOFTHSM,
    modules: modulesOf(pkcs11js),
  };
  return {
    tokens: systemTokens(settings),
    settings,
    env: {
      SOFTHSM2_CONF: conf,
      FLEETSEC_MODULES: modulesOf(pkcs11js),
      FLEETSEC_PKCS11_MODULE: SOFTHSM,
      FLEETSEC_PIN: PIN,
    },
    remove() {
      delete process.env["SOFTHSM2_CONF"];
      rmSync(directory, { recursive: true, force: true });
    },
  };
}

/** The directory that has `node_modules`. */
export function modulesOf(pkcs11js: Engine): string {
  return dirname(dirname(pkcs11js.path));
}
