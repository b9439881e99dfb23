import { isIPv6 } from "node:net";
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

export const dnsName = z
  .string()
  .max(253)
  .regex(
    /^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/,
    "not a DNS name in lower case",
  );

export const hostPort = z
  .string()
  .regex(/^(\[[0-9a-f:]+\]|[A-Za-z0-9.-]{1,253}):([1-9]\d{0,4})$/, "write it as HOST:PORT")
  .refine((text) => Number(text.slice(text.lastIndexOf(":") + 1)) <= 65_535, "the port must be 1-65535")
  .refine((text) => !text.startsWith("[") || isIPv6(text.slice(1, text.indexOf("]"))), "not an IPv6 address");
