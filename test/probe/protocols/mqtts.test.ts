import fc from "fast-check";
import type { IConnectPacket } from "mqtt-packet";
import type { TlsOptions, TLSSocket } from "node:tls";
import { beforeAll, describe, expect, test } from "vitest";
import { attackNamed } from "../../../src/probe/attacks.ts";
import { mqtts } from "../../../src/probe/protocols/mqtts.ts";
import { broker } from "../support/mqtt.ts";
import {
  FORGED,
  newWorld,
  onBoth,
  probed,
  strictServer,
  withOutcome,
  type World,
} from "../support/probing.ts";
import { tlsServer } from "../support/servers.ts";
import { trace } from "../support/traces.ts";

type Spared = (connect: IConnectPacket) => boolean;

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const strict = (changes: TlsOptions = {}) => strictServer(world, changes);
const ESSENTIAL = { attacks: ["no-cert", "self-signed", "wrong-ca"].map(attackNamed) };
const NO_CERT = { attacks: [attackNamed("no-cert")] };
const all = onBoth("no-cert", "self-signed", "wrong-ca");

describe("mqtts", () => {
  test("a broker that demands certificates is enforced", async () => {
    const port = await broker(strict(), () => 0);
    const endpoint = await probed(world, `mqtts://localhost:${port}`, {
      attacks: ["no-cert", ...FORGED].map(attackNamed),
    });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.control[0]).toEqual({ tls: "1.3", outcome: "accepted", evidence: "MQTT accepted" });
  });

  test("a broker that only asks for certificates is bypassed", async () => {
    const port = await broker(strict({ rejectUnauthorized: false }), () => 0);
    expect(withOutcome(await probed(world, `mqtts://localhost:${port}`, ESSENTIAL), "accepted")).toEqual(all);
  });

  test("a broker that refuses in its own words is enforced", async () => {
    const port = await broker(strict({ rejectUnauthorized: false }), ({ authorized }) =>
      authorized ? 0 : 5,
    );
    const endpoint = await probed(world, `mqtts://localhost:${port}`, ESSENTIAL);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.attacks[0]).toMatchObject({
      layer: "app",
      evidence: "MQTT not authorized; the control: MQTT accepted",
    });
  });

  test("a broker that wants a password too is judged by its certificates", async () => {
    const enforced = await probed(world, `mqtts://localhost:${await broker(strict(), () => 5)}`, NO_CERT);
    expect(enforced.verdict).toBe("enforced");
    const lax = await broker(strict({ rejectUnauthorized: false }), () => 5);
    expect((await probed(world, `mqtts://localhost:${lax}`, NO_CERT)).verdict).toBe("bypassed");
  });

  test("a broker that refuses, and sends messages all the same, is bypassed", async () => {
    const code = ({ authorized }: TLSSocket) => (authorized ? 0 : 5);
    const asking = strict({ rejectUnauthorized: false });
    const message = Buffer.from([0x30, 5, 0, 1, 0x74, 0x68, 0x69]);
    const lax = await probed(world, `mqtts://localhost:${await broker(asking, code, message)}`, ESSENTIAL);
    expect(withOutcome(lax, "accepted")).toEqual(all);
    expect(lax.attacks[0]?.evidence).toContain("MQTT not authorized, and a message");
    const ping = Buffer.of(0xd0, 0);
    const other = await probed(world, `mqtts://localhost:${await broker(asking, code, ping)}`, ESSENTIAL);
    expect(other.verdict).toBe("enforced");
  });

  const FIVE: Spared = ({ protocolVersion }) => protocolVersion === 5;
  test.each<[string, Spared, string | undefined]>([
    ["nobody", () => false, undefined],
    ["who speaks MQTT 5", FIVE, "MQTT 5"],
    ["who goes on with a session", ({ clean }) => clean === false, "MQTT 5, no clean start"],
    ["who speaks MQTT 3.1", ({ protocolId }) => protocolId === "MQIsdp", "MQTT 3.1"],
    ["who has a name", (connect) => !FIVE(connect) && connect.clientId !== "", "MQTT 3.1"],
    ["who has a password", ({ username }) => username !== undefined, "a user name and password"],
    ["who leaves a will", ({ will }) => will !== undefined, "a will"],
  ])("a broker that spares %s", async (_whom, spares, found) => {
    const port = await broker(strict({ rejectUnauthorized: false }), ({ authorized }, connect) => {
      const denial = connect.protocolVersion === 5 ? 0x87 : 5;
      return authorized || spares(connect) ? 0 : denial;
    });
    const attacks = ["no-cert", "path-tricks"].map(attackNamed);
    const endpoint = await probed(world, `mqtts://localhost:${port}`, { attacks });
    expect(withOutcome(endpoint, "accepted")).toEqual(found === undefined ? [] : onBoth("path-tricks"));
    expect(endpoint.verdict).toBe(found === undefined ? "enforced" : "bypassed");
    const accepted = endpoint.attacks.filter(({ outcome }) => outcome === "accepted");
    expect(accepted.every(({ evidence }) => evidence.includes(found ?? ""))).toBe(true);
  });

  test.each([
    [0, "bypassed"],
    [0x80, "enforced"],
  ])("a broker that refuses, and answers a subscription all the same by %i, is %s", async (code, verdict) => {
    const asking = strict({ rejectUnauthorized: false });
    const returnCode = ({ authorized }: TLSSocket, { protocolVersion }: IConnectPacket) =>
      authorized ? 0 : protocolVersion === 5 ? 0x87 : 5;
    const port = await broker(asking, returnCode, new Uint8Array(), code);
    const attacks = ["no-cert", "path-tricks"].map(attackNamed);
    const endpoint = await probed(world, `mqtts://localhost:${port}`, { attacks });
    expect(endpoint.verdict).toBe(verdict);
    expect(withOutcome(endpoint, "accepted")).toEqual(verdict === "bypassed" ? onBoth("path-tricks") : []);
  });

  test("a broker that speaks MQTT 3.1.1 alone is enforced", async () => {
    const port = await broker(strict({ rejectUnauthorized: false }), ({ authorized }, connect) => {
      if (connect.protocolVersion !== 4) return connect.protocolVersion === 5 ? 0x84 : 1;
      return authorized ? 0 : 5;
    });
    const attacks = ["no-cert", "path-tricks"].map(attackNamed);
    const endpoint = await probed(world, `mqtts://localhost:${port}`, { attacks });
    expect([endpoint.verdict, endpoint.reasons]).toEqual(["enforced", []]);
  });

  test.each([
    ["a broker that is overloaded", Buffer.of(0x20, 2, 0, 3)],
    ["garbage", Buffer.from("HTTP/1.1 400 Bad Request\r\n\r\n")],
    ["a packet that no broker sends first", Buffer.of(0xd0, 0)],
    ["a packet of 256 MB", Buffer.of(0x20, 0xff, 0xff, 0xff, 0x7f)],
    ["a length without end", Buffer.of(0x20, 0xff, 0xff, 0xff, 0xff)],
  ])("%s establishes nothing", async (_what, bytes) => {
    const port = await tlsServer(strict(), (socket) => void socket.end(bytes));
    expect((await probed(world, `mqtts://localhost:${port}`, NO_CERT)).verdict).toBe("inconclusive");
  });

  test("a flood establishes nothing", async () => {
    const port = await tlsServer(strict({ rejectUnauthorized: false }), (socket) => {
      const more = () => {
        while (socket.writable && socket.write(Buffer.alloc(65_536, 0x30)));
      };
      socket.on("drain", more);
      more();
    });
    expect((await probed(world, `mqtts://localhost:${port}`, NO_CERT)).verdict).toBe("inconclusive");
  });

  test("any bytes are an answer or none", () => {
    const bytes = fc.tuple(fc.constantFrom([], [0x20], [0x20, 2]), fc.uint8Array({ maxLength: 20 }));
    const property = fc.property(bytes, ([head, rest]) => {
      const received = Uint8Array.from([...head, ...rest]);
      const isConnack = received[0] === 0x20 && received[1] === 2 && received.length >= 4;
      return isConnack || mqtts.answer(trace({ received })) === undefined;
    });
    expect(() => fc.assert(property, { numRuns: 200 })).not.toThrow();
  });
});
