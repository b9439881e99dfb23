import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, test } from "vitest";
import { parse } from "yaml";
import { initialConfig } from "../../src/config/initial.ts";
import { configJsonSchema } from "../../src/config/json-schema.ts";

describe("docs/schema/config.v1.json", () => {
  test("is what the code accepts (npx vitest -u writes it anew)", async () => {
    await expect(`${JSON.stringify(configJsonSchema(), null, 2)}\n`).toMatchFileSnapshot(
      "../../docs/schema/config.v1.json",
    );
  });

  test("accepts what init writes and refuses an unknown key", () => {
    const validate = new Ajv2020({ strict: false, validateFormats: false }).compile(configJsonSchema());
    const config = parse(
      initialConfig({ name: "acme", domain: "fleet.internal", gateways: ["envoy"] }),
    ) as object;
    expect(validate(config)).toBe(true);
    expect(validate({ ...config, extra: 1 })).toBe(false);
  });
});
