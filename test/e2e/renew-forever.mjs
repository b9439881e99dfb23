// Renews a certificate again and again, until it is killed; a dot for each on stdout.
// It loads the domain alone: two hundred starts of the whole program would take minutes.
import { openAuthority } from "../../dist/pki/authority.js";
import { renew } from "../../dist/pki/renew.js";
import { systemPlatform } from "../../dist/platform/system.js";

const { stateDirectory, settings, role, name, rekey } = JSON.parse(process.argv[2]);
const platform = systemPlatform(new AbortController().signal);
const authority = openAuthority(platform.files, stateDirectory, () => Promise.reject(new Error("encrypted")));
for (;;) {
  await renew(platform, authority, settings, { name, role: () => role, force: true, rekey });
  process.stdout.write(".");
}
