import { status } from "@grpc/grpc-js";
import { beforeAll, describe, expect, test } from "vitest";
import { attackNamed } from "../../../src/probe/attacks.ts";
import { type Check, grpcServer } from "../support/grpc.ts";
import { FORGED, newWorld, onBoth, probed, withOutcome, type World } from "../support/probing.ts";
import { httpsServer } from "../support/servers.ts";

let world: World;
beforeAll(async () => {
  world = await newWorld();
});

const ESSENTIAL = { attacks: ["no-cert", "self-signed", "wrong-ca"].map(attackNamed) };
const NO_CERT = { attacks: [attackNamed("no-cert")] };

const serving = (demands: boolean, check?: Check) =>
  grpcServer({ cert: world.server.pem, key: world.server.keyPem, ca: world.root.pem, demands }, check);

describe("grpcs", () => {
  test("a server that demands certificates is enforced", async () => {
    const port = await serving(true);
    const endpoint = await probed(world, `grpcs://localhost:${port}`, {
      attacks: ["no-cert", ...FORGED, "no-eku"].map(attackNamed),
    });
    expect(endpoint.reasons).toEqual([]);
    expect(endpoint.verdict).toBe("enforced");
    expect(endpoint.control[0]).toEqual({ tls: "1.3", outcome: "accepted", evidence: "gRPC OK" });
  });

  test("a server that asks for none is bypassed", async () => {
    const endpoint = await probed(world, `grpcs://localhost:${await serving(false)}`, ESSENTIAL);
    expect(endpoint.verdict).toBe("bypassed");
    expect(withOutcome(endpoint, "accepted")).toEqual(onBoth("no-cert", "self-signed", "wrong-ca"));
    expect(endpoint.attacks[0]?.evidence).toBe("gRPC OK, as the control");
  });

  test("a stream without end is served by its first message", async () => {
    const endpoint = await probed(
      world,
      `grpcs://localhost:${await serving(true)}/grpc.health.v1.Health/Watch`,
      { ...NO_CERT, timeout: 2000 },
    );
    expect(endpoint.control[0]).toMatchObject({ outcome: "accepted", evidence: "gRPC message" });
    expect(endpoint.verdict).toBe("enforced");
  });

  test.each([
    ["NOT_FOUND", "accepted", "enforced"],
    ["UNIMPLEMENTED", "accepted", "enforced"],
    ["UNAUTHENTICATED", "accepted", "enforced"],
    ["PERMISSION_DENIED", "refused", "inconclusive"],
    ["UNAVAILABLE", "inconclusive", "inconclusive"],
  ] as const)("a control that gets %s is %s", async (code, outcome, verdict) => {
    const port = await serving(true, (_call, respond) => respond({ code: status[code] }));
    const endpoint = await probed(world, `grpcs://localhost:${port}`, NO_CERT);
    expect(endpoint.control[0]).toMatchObject({ outcome });
    expect(endpoint.verdict).toBe(verdict);
  });

  test("a server that answers in HTTP/2 and not in gRPC is no gRPC service", async () => {
    const port = await httpsServer(
      { cert: world.server.pem, key: world.server.keyPem },
      (_request, response) => {
        response.end("hello");
      },
    );
    expect((await probed(world, `grpcs://localhost:${port}`, NO_CERT)).verdict).toBe("inconclusive");
  });
});
