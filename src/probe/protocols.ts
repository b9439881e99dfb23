import type { Protocol } from "./protocol.ts";
import { grpcs } from "./protocols/grpcs.ts";
import { h2 } from "./protocols/h2.ts";
import { requestTo } from "./protocols/http.ts";
import { https } from "./protocols/https.ts";
import { mqtts } from "./protocols/mqtts.ts";
import { rawTls } from "./protocols/tls.ts";
import type { Scheme, Target } from "./target.ts";

const protocols: Readonly<Record<Scheme, (target: Target) => Protocol>> = {
  https: (target) => https(requestTo(target)),
  h2: (target) => h2(requestTo(target)),
  grpcs,
  mqtts: () => mqtts,
  tls: () => rawTls,
};

export function protocolFor(target: Target): Protocol {
  return protocols[target.scheme](target);
}
