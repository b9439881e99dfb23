import { mkdirSync, rmSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { createInventory, openInventory } from "../../src/pki/inventory.ts";
import type { InventoryRecord, IssueRecord } from "../../src/pki/inventory-line.ts";
import type { Registry } from "../../src/pki/issuers/issuer.ts";
import { countCertificates, listCertificates } from "../../src/pki/list.ts";
import { stateLayout } from "../../src/pki/state.ts";
import { isoTime } from "../../src/pki/verify/time.ts";
import { systemFiles as files } from "../../src/platform/system-files.ts";
import { scratch } from "../support/scratch.ts";

const NOW = Date.parse("2026-06-01T00:00:00Z");

/** `plumless` and `buckeroo` have one CRC-32. */
const names = ["a", "b", "plumless", "buckeroo", "c"];

const certificate = fc.record({
  name: fc.constantFrom(...names),
  /** Seconds until the end. */
  left: fc.integer({ min: -2, max: 2 }),
  isRevoked: fc.boolean(),
  hasFiles: fc.boolean(),
});

/** Enough for an index, of names of their own that have all ended. */
const OTHERS = 1000;

test("certificates are counted as they are listed, by way of the index and without it", () => {
  fc.assert(
    fc.property(
      fc.array(certificate, { maxLength: 12 }),
      fc.boolean(),
      fc.nat({ max: 999 }),
      (made, isIndexed, ms) => {
        const state = scratch();
        const layout = stateLayout(state);
        createInventory(files, layout.inventory);
        const serialOf = (n: number) => `${n.toString(16).padStart(8, "0")}AB`.toUpperCase();
        const issue = (n: number, name: string, left: number, generation?: number): IssueRecord => ({
          op: "issue",
          at: isoTime(NOW),
          name,
          serial: serialOf(n),
          role: "fleet-edge",
          notBefore: isoTime(NOW - 86_400_000),
          notAfter: isoTime(NOW + left * 1000),
          ttl: 60,
          sans: [],
          keyType: "p256",
          authority: 1,
          ...(generation === undefined ? {} : { files: { directory: `certs/${name}`, generation } }),
        });
        const records = made.flatMap(({ name, left, isRevoked, hasFiles }, n): InventoryRecord[] => [
          issue(n, name, left, hasFiles ? n + 1 : undefined),
          ...(isRevoked
            ? [
                {
                  op: "revoke" as const,
                  at: isoTime(NOW),
                  serial: serialOf(n),
                  reason: "superseded" as const,
                },
              ]
            : []),
        ]);
        const others = Array.from({ length: isIndexed ? OTHERS : 0 }, (_, n) =>
          issue(OTHERS + n, `x${n}`, -9),
        );
        openInventory(files, layout.inventory).append([...records, ...others]);
        expect(files.kind(join(state, "inventory.index"))).toBe(isIndexed ? "file" : undefined);
        // one of them was rolled back
        for (const [n, { name }] of made.entries()) {
          mkdirSync(join(state, "certs", name, String(n + 1)), { recursive: true });
          rmSync(join(state, "certs", name, "current"), { force: true });
          symlinkSync(String(n + 1), join(state, "certs", name, "current"));
        }
        const inventory = openInventory(files, layout.inventory);
        const registry: Registry = { stateDirectory: state, layout, inventory };
        const counted = { valid: 0, expired: 0, revoked: 0, superseded: 0 };
        for (const { status } of listCertificates(files, registry, NOW + ms))
          if (status !== "not-yet-valid") counted[status] += 1;
        expect(countCertificates(files, registry, NOW + ms)).toEqual(counted);
        expect(Object.values(counted).reduce((a, b) => a + b)).toBe(made.length + others.length);
      },
    ),
    { numRuns: 30 },
  );
});
