import { type Attack, upgrading } from "../attack.ts";
import { opening, type Opening } from "../opening.ts";
import { modernTls } from "./fixes.ts";

/** RFC 4511, section 4.14: an extended request with the object identifier of StartTLS. */
const LDAP = Buffer.from("301d02010177188016312e332e362e312e342e312e313436362e3230303337", "hex");
/** A length of 8 and a code in place of a protocol version. */
const POSTGRES = Buffer.from("0000000804d2162f", "hex");
/** Capabilities with CLIENT_SSL and CLIENT_PROTOCOL_41, the packet's size, a character set; the server greets first. */
const MYSQL = Buffer.concat([Buffer.from("2000000185ae030000000001ff", "hex"), Buffer.alloc(23)]);

const DIALECTS: readonly (readonly [kind: string, opening: Opening])[] = [
  ["SMTP", opening("EHLO fleetsec-probe\r\nSTARTTLS\r\n", /^220[^\n]*\n(?:250[^\n]*\n)+220[ -]/)],
  ["IMAP", opening("a STARTTLS\r\n", /(?:^|\n)a OK/i)],
  ["POP3", opening("STLS\r\n", /^\+OK[^\n]*\n\+OK/)],
  ["FTP", opening("AUTH TLS\r\n", /(?:^|\n)234[ -]/)],
  [
    "XMPP",
    opening(
      "<?xml version='1.0'?><stream:stream xmlns='jabber:client' xmlns:stream='http://etherx.jabber.org/streams' version='1.0'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
      /<proceed[ />]/,
    ),
  ],
  // oxlint-disable-next-line no-control-regex
  ["LDAP", opening(LDAP, /^0[^\n]\x02\x01\x01x[\s\S]\n\x01\0/)],
  ["PostgreSQL", opening(POSTGRES, /^S$/)],
  // oxlint-disable-next-line no-control-regex
  ["MySQL", opening(MYSQL, /^[\s\S]{3}\0\n/)],
];

export const starttls: Attack = {
  id: "starttls",
  title: "no certificate, after STARTTLS",
  reference: "RFC 8314 section 3, CVE-2011-0411",
  meaning: "TLS that begins by an upgrade demands no certificate, or none is needed before it",
  fix: modernTls,
  weight: "required",
  takesIdentity: false,
  versions: ["1.3", "1.2"],
  plan: async () => ({ attempts: DIALECTS.map(([kind, how]) => upgrading(how, kind)) }),
};
