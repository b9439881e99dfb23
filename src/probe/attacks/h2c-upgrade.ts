import { type Attack, asking, withoutIdentity } from "../attack.ts";
import { connectHttp2, webSocketHttp2 } from "../protocols/connect-h2.ts";
import { connect, isTunnel } from "../protocols/connect.ts";
import { h2 } from "../protocols/h2.ts";
import { h2cUpgrade } from "../protocols/h2c-upgrade.ts";
import { webSocket } from "../protocols/websocket.ts";
import { asOtherRequest, asSameRequest, type Revise } from "../variant.ts";
import { dropUpgrade } from "./fixes.ts";

/** A tunnel is a grant by itself; a page in place of one is a page like others. */
const asTunnel: Revise = (judgement, variant) =>
  (isTunnel(variant.encounter.answer) ? asSameRequest : asOtherRequest)(judgement, variant);

/**
 * HTTP/2 without TLS: at once, and by an upgrade; and the upgrade within TLS, which a gateway may pass
 * on, and then see nothing of what follows. An upgrade to a WebSocket may lead around the check as well: in
 * Node it is an event of its own, of which the handler of requests hears nothing. So is CONNECT, for a tunnel, which
 * HTTP/2 has as well, for WebSockets too.
 */
export const h2cUpgradeAttack: Attack = {
  id: "h2c-upgrade",
  title: "no certificate, upgraded to h2c or WebSocket, or tunnelled",
  reference:
    "RFC 7540 section 3.2, RFC 6455 section 4.1, RFC 8441 section 4, RFC 9110 section 9.3.6, CWE-444",
  meaning: "a connection that is upgraded to another protocol is served without a certificate",
  fix: dropUpgrade,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2", null],
  async plan({ protocol, version, target }) {
    if (protocol.http === undefined)
      return { outcome: "not-applicable", reason: "the service speaks no HTTP" };
    const { request } = protocol.http;
    if (version !== null && protocol.speech.in === "http2") {
      if (target.scheme === "grpcs") return { outcome: "not-applicable", reason: "gRPC has no upgrade" };
      const streams = [
        asking(connectHttp2(request), "CONNECT"),
        asking(webSocketHttp2(request), "WebSocket"),
      ];
      return { attempts: streams.map((attempt) => ({ ...attempt, revise: asTunnel })) };
    }
    if (version !== null) {
      const within = [asking(h2cUpgrade(request), "h2c within TLS"), asking(webSocket(request), "WebSocket")];
      const tunnel = { ...asking(connect(request), "CONNECT"), revise: asTunnel };
      return { attempts: [...within.map((attempt) => ({ ...attempt, revise: asSameRequest })), tunnel] };
    }
    const plain = withoutIdentity("no-tls");
    return {
      attempts: [
        { ...plain, kind: "at once", protocol: h2(request) },
        { ...plain, kind: "by an upgrade", protocol: h2cUpgrade(request) },
      ],
    };
  },
};
