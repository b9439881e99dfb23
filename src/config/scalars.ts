import { z } from "zod";
import { parseDuration } from "../duration.ts";

/** Becomes seconds. */
export const duration = z
  .string()
  .regex(/^\d{1,10}[smhd]$/, "not a duration: write it as 90s, 5m, 24h or 30d")
  .transform((text) => parseDuration(text) ?? 0)
  .refine((seconds) => seconds > 0, "a duration must not be zero");

export const name = z
  .string()
  .regex(
    /^[a-z0-9]([a-z0-9._-]{0,61}[a-z0-9])?$/,
    "use 1-63 of a-z 0-9 . _ -, beginning and ending with a letter or digit",
  );
