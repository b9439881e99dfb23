import { join } from "node:path";
import { expect, test } from "vitest";
import { refuseTaken, takenRefuser } from "../../src/pki/holders.ts";
import { createInventory, openInventory } from "../../src/pki/inventory.ts";
import type { IssueRecord } from "../../src/pki/inventory-line.ts";
import { serviceLayout } from "../../src/pki/state.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { scratch } from "../support/scratch.ts";

const NOW = Date.parse("2026-01-01T12:00:00Z");
const uri = (name: string) => `uri:spiffe://fleet.internal/fleet-edge/${name}`;

const issued = (serial: string, name: string, sans: readonly string[], notAfter: string): IssueRecord => ({
  op: "issue",
  at: "2026-01-01T00:00:00Z",
  name,
  serial: serial.padEnd(40, "0"),
  role: "fleet-edge",
  notBefore: "2026-01-01T00:00:00Z",
  notAfter,
  ttl: 86_400,
  sans,
  keyType: "p256",
  authority: 1,
});

function registry() {
  const stateDirectory = scratch();
  const path = join(stateDirectory, "inventory.jsonl");
  createInventory(files, path);
  const inventory = openInventory(files, path);
  const [later, before] = ["2026-01-02T00:00:00Z", "2026-01-01T11:00:00Z"];
  inventory.append([
    issued("01", "own", ["dns:own.fleet.internal", uri("own")], later),
    issued("02", "other", [uri("borrowed")], later),
    issued("03", "ended", [uri("ended")], before),
    issued("04", "ended-other", [uri("ended-borrowed")], before),
    issued("05", "revoked", [uri("revoked")], later),
    issued("06", "revoked-other", [uri("revoked-borrowed")], later),
    ...["05", "06"].map((serial) => ({
      op: "revoke" as const,
      at: "2026-01-01T01:00:00Z",
      serial: serial.padEnd(40, "0"),
      reason: "keyCompromise" as const,
    })),
  ]);
  return { stateDirectory, layout: serviceLayout(stateDirectory), inventory };
}

const refused = expect.objectContaining({ code: "refused" }) as Error;

test.each([
  ["one", (wanted: Parameters<typeof refuseTaken>[1]) => refuseTaken(registry(), wanted, NOW)],
  ["many", (wanted: Parameters<typeof refuseTaken>[1]) => takenRefuser(registry(), NOW)(wanted)],
])("a URI has one holder at a time: asked of %s", (_, ask) => {
  for (const name of ["own", "borrowed"])
    expect(() => ask({ name: "impostor", sans: ["dns:x", uri(name)] })).toThrow(refused);
  // by the name that the URI would give by itself
  expect(() => ask({ name: "borrowed", sans: [uri("borrowed")] })).toThrow(refused);
  for (const [name, sans] of [
    ["own", [uri("own")]],
    ["other", [uri("borrowed")]],
    ["new", [uri("new")]],
    ["new", ["dns:own.fleet.internal"]],
    ["new", [uri("ow")]],
    ["new", [uri("ended")]],
    ["new", [uri("ended-borrowed")]],
    ["new", [uri("revoked")]],
    ["new", [uri("revoked-borrowed")]],
  ] as const)
    expect(() => ask({ name, sans })).not.toThrow();
});
