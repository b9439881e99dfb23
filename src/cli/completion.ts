import { FleetsecError } from "../errors.ts";
import type { Bind, Cli, Define } from "./command.ts";

export const define: Define = (command, bind) => {
  command
    .argument("<shell>", "bash, zsh or fish")
    .argument("[word...]", "after offer --: the words of a command line, for which the scripts ask")
    .action(
      bind(async (cli, shell: string, words: readonly string[]) => {
        if (shell === "offer") return offerFor(cli, bind, words);
        const { scripts } = await import("./completion/scripts.ts");
        const script = Object.hasOwn(scripts, shell) ? scripts[shell] : undefined;
        if (script === undefined) {
          throw new FleetsecError("usage", `no completion for ${shell}`, { hint: "name bash, zsh or fish" });
        }
        cli.output.result({ schema: "fleetsec.completion/v1", shell, script }, () => script);
        return 0;
      }),
    );
};

/** Prints what can stand for the last of the words, one a line, and `:files` where files can. */
async function offerFor(cli: Cli, bind: Bind, words: readonly string[]): Promise<0> {
  // imported here: program.ts imports the list of commands, which leads to this module
  const { createProgram } = await import("./program.ts");
  const { offer } = await import("./completion/offer.ts");
  const program = await createProgram(cli.platform, bind, ({ name }) => words.includes(name));
  const at = words.indexOf("--config");
  const config = at < 0 ? undefined : words[at + 1];
  const options = config === undefined ? cli.options : { ...cli.options, config };
  const offered = await offer({ ...cli, options }, program, words);
  const lines = [...offered.words, ...(offered.files ? [":files"] : [])];
  cli.output.result({ schema: "fleetsec.completion-offer/v1", ...offered }, () => lines.join("\n"));
  return 0;
}
