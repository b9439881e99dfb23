import { ILLEGAL_PARAMETER, PROTOCOL_VERSION } from "./alerts.ts";
import { cipherSuites } from "./cipher-suites.ts";
import {
  type Extensions,
  ExtensionType,
  parseAlpn,
  parseFlag,
  parseRenegotiationInfo,
} from "./extensions.ts";
import { keysFrom } from "./finish12.ts";
import { type HandshakeMessage, parseServerHello, type ServerHello } from "./handshake.ts";
import { offeredProtocol, onlyOf } from "./negotiated.ts";
import { ProtocolError } from "./protocol-error.ts";
import type { Agreed, Client12, State12 } from "./state12.ts";

/** ServerHello (RFC 5246, section 7.4.1.3). @throws ProtocolError */
export function onServerHello(client: Client12, message: HandshakeMessage): State12 {
  const { connection, transcript: messages, sessionId } = client;
  const { settings } = connection;
  const hello = parseServerHello(message.body);
  const suite = cipherSuites.get(hello.cipherSuite);
  if (hello.version !== "1.2") throw new ProtocolError(`TLS ${hello.version} was chosen`, PROTOCOL_VERSION);
  if (suite === undefined || !settings.cipherSuites.includes(hello.cipherSuite)) {
    throw new ProtocolError("a cipher suite that was not offered", ILLEGAL_PARAMETER);
  }
  checkExtensions(client, hello.extensions);
  messages.add(message);
  const agreed: Agreed = {
    suite,
    cipherSuite: hello.cipherSuite,
    serverRandom: hello.random,
    extendedMasterSecret: parseFlag(hello.extensions.get(ExtensionType.extendedMasterSecret)),
    ticketFollows: parseFlag(hello.extensions.get(ExtensionType.sessionTicket)),
  };
  const echoed = sessionId.length > 0 && Buffer.from(hello.sessionId).equals(sessionId);
  return echoed ? onResumed(client, agreed, hello) : { at: "wait-certificate", agreed };
}

/** The server goes on with the session of the ticket (RFC 5077, section 3.1). */
function onResumed(client: Client12, agreed: Agreed, hello: ServerHello): State12 {
  const { session } = client.connection.settings;
  if (
    session?.cipherSuite !== hello.cipherSuite ||
    // RFC 7627, section 5.3
    session.extendedMasterSecret !== agreed.extendedMasterSecret
  ) {
    throw new ProtocolError("a session that was not offered", ILLEGAL_PARAMETER);
  }
  const keys = keysFrom(client, agreed, session.secret);
  return {
    at: "wait-change-cipher-spec",
    agreed,
    resumed: true,
    keys,
    verifyData: undefined,
    ticket: undefined,
  };
}

function checkExtensions({ connection, before }: Client12, extensions: Extensions): void {
  const { alpn, serverName, extendedMasterSecret } = connection.settings;
  const allowed: number[] = [
    ExtensionType.ecPointFormats,
    ExtensionType.renegotiationInfo,
    ExtensionType.sessionTicket,
  ];
  if (alpn.length > 0) allowed.push(ExtensionType.alpn);
  if (serverName !== "") allowed.push(ExtensionType.serverName);
  if (extendedMasterSecret) allowed.push(ExtensionType.extendedMasterSecret);
  onlyOf(extensions, allowed);
  const protocol = extensions.get(ExtensionType.alpn);
  if (protocol !== undefined) connection.protocol = offeredProtocol(parseAlpn(protocol), alpn);
  const info = extensions.get(ExtensionType.renegotiationInfo);
  const expected = before === undefined ? [] : [before.client, before.server];
  // an old server has no such extension, and renegotiates without (RFC 5746, section 4.2)
  if (info !== undefined && !Buffer.concat(expected).equals(parseRenegotiationInfo(info))) {
    throw new ProtocolError("a renegotiation of another handshake", ILLEGAL_PARAMETER);
  }
}
