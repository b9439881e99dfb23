import inquirer from "inquirer";
import { beforeEach, expect, test, vi } from "vitest";
import type { Cli } from "../../src/cli/command.ts";
import { passphraseSource } from "../../src/cli/pki-project.ts";
import { systemPlatform } from "../../src/platform/system.ts";
import { scratch } from "../support/scratch.ts";

const asked: string[] = [];

beforeEach(() => {
  const prompt = ({ message }: { readonly message: string }) => {
    asked.push(message);
    return Promise.resolve({ answer: `passphrase ${asked.length}` });
  };
  vi.spyOn(inquirer, "createPromptModule").mockReturnValue(prompt as never);
});

/** A person at a terminal. */
function terminal(): Cli {
  const platform = { ...systemPlatform(new AbortController().signal), env: {}, userState: scratch() };
  const tty = { isTTY: true };
  return {
    platform: { ...platform, stdin: tty, stderr: tty },
    options: { input: true, json: false },
  } as unknown as Cli;
}

test("a person is asked once for the passphrase of each CA, which the question names", async () => {
  const source = passphraseSource(terminal(), {});
  const [one, two] = ["01".repeat(20), "02".repeat(20)] as const;
  expect([await source(one), await source(two), await source(one)]).toEqual([
    "passphrase 1",
    "passphrase 2",
    "passphrase 1",
  ]);
  expect(asked).toEqual(["Passphrase of the CA 01010101", "Passphrase of the CA 02020202"]);
});

test("nobody is asked by what only looks", async () => {
  const before = asked.length;
  await expect(passphraseSource(terminal(), {}, false)("01".repeat(20))).rejects.toMatchObject({
    code: "passphrase",
  });
  expect(asked).toHaveLength(before);
});
