import type { Socket } from "node:net";
import { relay } from "./sniffing.ts";
import { tcpServer } from "./servers.ts";

/** What a ClientHello offers (RFC 8446, section 4.1.2): code points of suites, and extension data by type. */
export interface Offered {
  readonly suites: readonly number[];
  readonly extensions: ReadonlyMap<number, Buffer>;
}

/** A port that leads to one of several servers of the loopback, by what the ClientHello offers; gives the port. */
export function byHello(choose: (offered: Offered) => number): Promise<number> {
  return tcpServer((socket: Socket) => {
    socket.once("data", (first: Buffer) => relay(socket, first, choose(offeredIn(first))));
  });
}

/**
 * The same by the names that it offers by ALPN.
 * @param choose the inner port for these names; none where the ClientHello has no such extension
 */
export function byAlpn(choose: (offered: readonly string[] | undefined) => number): Promise<number> {
  return byHello(({ extensions }) => {
    const alpn = extensions.get(ALPN);
    return choose(alpn && namesIn(alpn.subarray(2)));
  });
}

/** The same by the name that it asks for. @param choose the inner port for that name; none where it names none */
export function bySni(choose: (name: string | undefined) => number): Promise<number> {
  // behind the list's length, the kind of the name and its length
  return byHello(({ extensions }) => choose(extensions.get(SNI)?.toString("latin1", 5)));
}

const SNI = 0;
const ALPN = 16;

/** Of a ClientHello that is one record, and came at once. */
function offeredIn(record: Buffer): Offered {
  // heads of record and handshake, version, random
  let at = 5 + 4 + 2 + 32;
  at += 1 + record.readUInt8(at);
  const suites = codes(record.subarray(at, at + 2 + record.readUInt16BE(at)));
  at += 2 + record.readUInt16BE(at);
  at += 1 + record.readUInt8(at);
  const end = at + 2 + record.readUInt16BE(at);
  const extensions = new Map<number, Buffer>();
  for (at += 2; at < end; at += 4 + record.readUInt16BE(at + 2)) {
    extensions.set(record.readUInt16BE(at), record.subarray(at + 4, at + 4 + record.readUInt16BE(at + 2)));
  }
  return { suites, extensions };
}

/** A list of 16-bit code points behind its length. */
export function codes(list: Buffer): number[] {
  const found: number[] = [];
  for (let at = 2; at < list.length; at += 2) found.push(list.readUInt16BE(at));
  return found;
}

function namesIn(list: Buffer): string[] {
  const names: string[] = [];
  for (let at = 0; at < list.length; at += 1 + list.readUInt8(at)) {
    names.push(list.toString("latin1", at + 1, at + 1 + list.readUInt8(at)));
  }
  return names;
}
