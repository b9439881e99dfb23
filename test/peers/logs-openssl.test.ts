import { execFileSync, spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { parseNote } from "../../src/logs/note.ts";
import { runCli } from "../support/cli.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";

describeWithEngines(["openssl"], "OpenSSL", ({ openssl }) => {
  test("reads a P-256 key's file as it stands, and verifies its signature on a checkpoint", async () => {
    const cwd = scratch();
    const at = (name: string) => join(cwd, name);
    writeFileSync(at("a.log"), "a\n");
    const keygen = ["logs", "keygen", "--origin", "fleet.internal/hsm", "--type", "p256"];
    const sign = ["logs", "sign", "--in", "a.log", "--store", "store", "--key", "hsm.key"];
    for (const argv of [keygen, sign]) expect((await runCli(argv, { cwd })).code).toBe(0);
    execFileSync(openssl.path, ["pkey", "-in", at("hsm.key"), "-pubout", "-out", at("hsm.pem")]);

    const { text, signatures } = parseNote(readFileSync(at("store/checkpoint")));
    writeFileSync(at("signature"), signatures[0]?.signature ?? "");
    const verify = (body: string) => {
      writeFileSync(at("body"), body);
      const flags = ["dgst", "-sha256", "-verify", at("hsm.pem"), "-signature", at("signature"), at("body")];
      return spawnSync(openssl.path, flags).status;
    };
    expect(verify(text)).toBe(0);
    expect(verify(text.replace("\n1\n", "\n2\n"))).toBe(1);
  });
});
