import type { Socket } from "node:net";
import { relay } from "./sniffing.ts";
import { tcpServer } from "./servers.ts";

/**
 * A port that leads to one of several servers of the loopback, by the names that the ClientHello offers
 * by ALPN; gives the port.
 * @param choose the inner port for these names; none where the ClientHello has no such extension
 */
export function byAlpn(choose: (offered: readonly string[] | undefined) => number): Promise<number> {
  return tcpServer((socket: Socket) => {
    socket.once("data", (first: Buffer) => relay(socket, first, choose(offeredIn(first))));
  });
}

const ALPN = 16;

/** The names in a ClientHello that is one record, and came at once (RFC 8446 section 4.1.2, RFC 7301 section 3.1). */
function offeredIn(record: Buffer): string[] | undefined {
  // heads of record and handshake, version, random
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at);
  const end = at + 2 + record.readUInt16BE(at);
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) {
    if (record.readUInt16BE(at) === ALPN)
      return namesIn(record.subarray(at + 6, at + 4 + record.readUInt16BE(at + 2)));
  }
  return undefined;
}

function namesIn(list: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list.readUInt8(at)) {
    names.push(list.toString("latin1", at + 1, at + 1 + list.readUInt8(at)));
  }
  return names;
}
