import { describeEnd, isHungUpOn, serverAlert } from "../evidence.ts";
import type { Trace } from "../exchange.ts";
import {
  alertName,
  HANDSHAKE_FAILURE,
  INSUFFICIENT_SECURITY,
  INTERNAL_ERROR,
  PROTOCOL_VERSION,
} from "../wire/alerts.ts";
import type { TlsVersion } from "../wire/versions.ts";
import { type Encounter, inconclusive, type Judgement, type Setting } from "./judgement.ts";

/** Connections that never came as far as the server's judgement of the client. */
export function judgeUnmade({ trace, answer }: Encounter, { version }: Setting): Judgement | undefined {
  if (trace.end === "unconnected") {
    return inconclusive(
      "tcp",
      trace.error === "timeout" ? "no TCP connection in time" : `TCP: ${trace.error}`,
    );
  }
  if (version === undefined || answer !== undefined) return undefined;
  const chosen = trace.seen.version;
  if (chosen === undefined) return judgeWithoutHello(trace, version);
  if (chosen !== version) return notOffered(version, `the server chose TLS ${chosen}`);
  if (trace.localFault === undefined) return undefined;
  return inconclusive("tls", `our own TLS library gave up (${trace.localFault})`);
}

/** The server did not answer the ClientHello with its own. */
function judgeWithoutHello(trace: Trace, version: TlsVersion): Judgement {
  const alert = serverAlert(trace);
  if (alert !== undefined) {
    return SAYS_VERSION.has(alert) || (alert === INTERNAL_ERROR && version !== "1.2" && version !== "1.3")
      ? notOffered(version, alertName(alert))
      : inconclusive("tls", `alert ${alertName(alert)} to the ClientHello`);
  }
  if (trace.localFault === NO_TLS_RECORD) return inconclusive("tls", NO_TLS);
  if (trace.localFault !== undefined) {
    return inconclusive("tls", `our own TLS library gave up (${trace.localFault}), before the ServerHello`);
  }
  // some servers close without a word, at every try that was made; a timeout could be anything
  if (isHungUpOn(trace)) return notOffered(version, describeEnd(trace));
  return inconclusive("tls", `${describeEnd(trace)}, before the ServerHello`);
}

/** The evidence where a port speaks something else. */
export const NO_TLS = "the port does not speak TLS";

/** How OpenSSL calls an answer to the ClientHello that does not begin as a record does. */
const NO_TLS_RECORD = "ERR_SSL_WRONG_VERSION_NUMBER";

const SAYS_VERSION = new Set([PROTOCOL_VERSION, HANDSHAKE_FAILURE, INSUFFICIENT_SECURITY]);

function notOffered(version: TlsVersion, how: string): Judgement {
  return { outcome: "not-applicable", layer: "tls", evidence: `TLS ${version} is not offered (${how})` };
}
