import { FleetsecError } from "../errors.ts";
import type { Cli } from "./command.ts";

/** Whether a question can be put to a person at all. */
export function canPrompt({ platform, options }: Cli): boolean {
  return options.input && !options.json && platform.stdin.isTTY && platform.stderr.isTTY;
}

/** Asks for a line of text; `check` gives what is wrong with an answer, or true. */
export async function askText(
  message: string,
  initial: string,
  check: (answer: string) => string | true,
): Promise<string> {
  return ask({ type: "input", message, default: initial, validate: check });
}

/** Asks for any number of the choices, at least one. */
export async function askChoices<T extends string>(
  message: string,
  choices: readonly T[],
  initial: readonly T[],
): Promise<T[]> {
  return ask({
    type: "checkbox",
    message,
    required: true,
    choices: choices.map((value) => ({ value, checked: initial.includes(value) })),
  });
}

/** Asks for a secret, which is not shown. */
export async function askSecret(message: string): Promise<string> {
  return ask({ type: "password", message, mask: "*" });
}

async function ask<T>(question: object): Promise<T> {
  const { default: inquirer } = await import("inquirer");
  try {
    // questions go to stderr: stdout is for results
    const prompt = inquirer.createPromptModule({ output: process.stderr });
    const { answer } = (await prompt({ ...question, name: "answer" } as never)) as { answer: T };
    return answer;
  } catch (error) {
    if (error instanceof Error && error.name === "ExitPromptError") {
      throw new FleetsecError("interrupted", "interrupted at a question", { cause: error });
    }
    throw error;
  }
}
