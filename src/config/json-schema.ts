import { z } from "zod";
import { configSchema } from "./schema.ts";

/** The JSON Schema (draft 2020-12) of `fleetsec.yaml` as a user writes it, for editors. */
export function configJsonSchema(): object {
  return { title: "fleetsec.yaml", ...z.toJSONSchema(configSchema, { io: "input" }) };
}
