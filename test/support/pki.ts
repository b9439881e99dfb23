import { join } from "node:path";
import type { Authority, PkiSettings } from "../../src/pki/authority.ts";
import { initAuthority } from "../../src/pki/init-authority.ts";
import type { PermittedNames } from "../../src/pki/profiles.ts";
import type { Role } from "../../src/pki/roles.ts";
import type { PkiPlatform } from "../../src/pki/state.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { scratch } from "./scratch.ts";

/** Like `init` writes it, in `fleet.internal`. */
export const testSettings: PkiSettings = {
  organization: "acme",
  trustDomain: "fleet.internal",
  keyType: "p256",
  rootTtl: 3650 * 86_400,
  issuingTtl: 365 * 86_400,
  crlTtl: 7 * 86_400,
  renewGrace: 7 * 86_400,
};

export const testRole: Role = {
  name: "fleet-edge",
  usages: ["client"],
  ttl: 86_400,
  maxTtl: 3 * 86_400,
  keyTypes: ["p256", "p384", "ed25519", "rsa3072"],
  allowedDomains: ["fleet.internal"],
  allowSubdomains: true,
  allowBareDomains: false,
  allowIpSans: false,
  allowedUriSans: ["spiffe://fleet.internal/fleet-edge/*"],
  deny: [],
  applicationRoles: ["vehicle_agent"],
};

export const testPermitted: PermittedNames = {
  trustDomain: "fleet.internal",
  dns: ["fleet.internal", "localhost"],
  addresses: true,
};

const system = systemPlatform(new AbortController().signal);

/** The real world, at a time that the test moves. */
export function movablePlatform(start = Date.now()): PkiPlatform & { moveTo(time: number): void } {
  let now = start;
  return {
    ...system,
    clock: { ...system.clock, now: () => now },
    moveTo(time) {
      now = time;
    },
  };
}

/** A CA with unencrypted keys in a directory of the test's own. */
export async function testAuthority(
  platform: PkiPlatform,
  settings: PkiSettings = testSettings,
  stateDirectory: string = join(scratch(), ".fleetsec"),
): Promise<Authority> {
  return initAuthority(platform, {
    stateDirectory,
    settings,
    permitted: testPermitted,
    passphrase: undefined,
  });
}
