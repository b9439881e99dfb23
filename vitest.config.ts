import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { defineConfig } from "vitest/config";

/** Where test/peers/install.sh puts the engines. */
const { FLEETSEC_PEERS, XDG_CACHE_HOME } = process.env;
const peers = FLEETSEC_PEERS || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "fleetsec", "peers");

export default defineConfig({
  test: {
    include: ["test/**/*.test.ts"],
    globalSetup: ["test/support/surroundings.ts", "test/peers/skipped.ts"],
    setupFiles: ["test/support/setup.ts"],
    // to load the modules anew for each file is a third of the work; but an engine may be a library, which a process
    // loads once (PKCS#11). What a test replaces is put back after it
    isolate: existsSync(join(peers, "engines.json")),
    restoreMocks: true,
    unstubEnvs: true,
    unstubGlobals: true,
    tags: [
      {
        name: "long",
        description: "takes many seconds of a processor: `npm test` leaves it to `npm run test:long`",
      },
    ],
    // how long something takes is no test's business: a busy machine is slow, and only what hangs fails
    testTimeout: 180_000,
    hookTimeout: 180_000,
    expect: { poll: { timeout: 60_000 } },
    // much of the work is waiting: for a probe's time-outs, for processes, for the disk; in CI, the engines work as well
    maxWorkers: process.env["CI"] === "true" ? 2 : 4,
    coverage: {
      provider: "v8",
      include: ["src/**/*.ts"],
      exclude: ["src/main.ts"],
      reporter: ["text-summary", "html"],
      thresholds: { lines: 90 },
    },
  },
});
