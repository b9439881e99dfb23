import type { Socket } from "node:net";
import { beforeAll, describe, expect, test } from "vitest";
import {
  evidenceOf,
  newWorld,
  onBoth,
  probed,
  selected,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";
import { always, answerOnce } from "../support/services.ts";
import { relay, sniffingServer, upgradeToLaxTls } from "../support/sniffing.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = () => strictServer(world);
const attacks = selected("no-cert", "starttls");

describe.concurrent("starttls", () => {
  test.each([
    ["SMTP", "EHLO", "220 mail\r\n250-hello\r\n250 STARTTLS\r\n220 go on\r\n"],
    ["IMAP", "a STARTTLS", "* OK ready\r\na OK begin\r\n"],
    ["POP3", "STLS", "+OK ready\r\n+OK begin\r\n"],
    ["FTP", "AUTH TLS", "220 ready\r\n234 go on\r\n"],
    ["XMPP", "<?xml", "<stream:stream><proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>"],
    ["LDAP", "0\x1d", Buffer.from("300c02010178070a010004000400", "hex")],
    ["PostgreSQL", "\0\0\0\x08", "S"],
    ["MySQL", " \0\0\x01", Buffer.from("0a0000000a352e372e31", "hex")],
  ])("finds TLS without certificates after %s", async (kind, beginning, reply) => {
    const port = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString("latin1").startsWith(beginning)) return void socket.end();
      socket.write(reply);
      upgradeToLaxTls(socket, strict(), answerOnce);
    });
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("starttls"));
    expect(evidenceOf(endpoint, "starttls")).toBe(`HTTP 200, as the control (${kind})`);
  });

  test("a server that upgrades and demands a certificate then is enforced", async () => {
    const port = await httpsServer(strict(), always);
    const front = await sniffingServer(strict(), always, (socket, first) => {
      if (!first.toString().startsWith("EHLO")) return void socket.end();
      socket.write("220 mail\r\n250 STARTTLS\r\n220 go on\r\n");
      relay(socket, undefined, port);
    });
    const endpoint = await probed(world, `https://localhost:${front}/`, { attacks });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
  });

  test.each([
    ["says nothing", () => {}],
    ["floods", (socket: Socket) => void socket.write(Buffer.alloc(2_000_000, 0x32))],
    ["agrees by half", (socket: Socket) => void socket.write("220 mail\r\n250 ok\r\n")],
  ])("a server that %s is no bypass", { timeout: 180_000 }, async (_what, otherwise) => {
    const port = await sniffingServer(strict(), always, otherwise);
    const endpoint = await probed(world, `https://localhost:${port}/`, { attacks, timeout: 500 });
    expect(withOutcome(endpoint, "accepted")).toEqual([]);
  });
});
