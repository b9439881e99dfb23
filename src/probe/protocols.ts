import type { Protocol } from "./protocol.ts";
import { https } from "./protocols/https.ts";
import { rawTls } from "./protocols/tls.ts";
import type { Scheme, Target } from "./target.ts";

const protocols: Readonly<Record<Scheme, (target: Target) => Protocol>> = {
  https,
  tls: () => rawTls,
};

export function protocolFor(target: Target): Protocol {
  return protocols[target.scheme](target);
}
