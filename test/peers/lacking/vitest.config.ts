import { defineConfig } from "vitest/config";
import config from "../../../vitest.config.ts";

/** The project's own configuration, over the suite that lacks its engine. */
export default defineConfig({
  ...config,
  test: { ...config.test, include: ["test/peers/lacking/suite.ts"], coverage: { enabled: false } },
});
