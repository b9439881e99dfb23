import type { Command } from "commander";
import { FleetsecError } from "../errors.ts";
import type { Define } from "./command.ts";

export const define: Define = (command, bind) => {
  command.argument("<shell>", "bash, zsh or fish").action(
    bind(async (cli, shell: string) => {
      const render = shells[shell];
      if (render === undefined) {
        throw new FleetsecError("usage", `no completion for ${shell}`, { hint: "name bash, zsh or fish" });
      }
      // imported here: program.ts imports the list of commands, which leads to this module
      const { createProgram } = await import("./program.ts");
      const words = wordsOf(await createProgram(cli.platform, bind, () => true));
      cli.output.result({ schema: "fleetsec.completion/v1", shell, script: render(words) }, () =>
        render(words),
      );
      return 0;
    }),
  );
};

/** What can follow each command path (`""`, `"cert"`, `"cert issue"`…): subcommands and flags. */
type Words = ReadonlyMap<string, readonly string[]>;

function wordsOf(program: Command): Words {
  const words = new Map<string, readonly string[]>();
  const flagsOf = (command: Command) => command.options.flatMap((option) => option.long ?? []);
  const visit = (command: Command, path: string) => {
    const children = command.commands.map((child) => child.name());
    words.set(path, [...new Set([...children, ...flagsOf(command), ...flagsOf(program), "--help"])]);
    for (const child of command.commands) visit(child, `${path} ${child.name()}`.trim());
  };
  visit(program, "");
  return words;
}

/** Words are command names and flags of our own: letters, digits and dashes, safe in every shell. */
const shells: Readonly<Record<string, (words: Words) => string>> = {
  bash: (words) => `# fleetsec completion for bash: source <(fleetsec completion bash)
_fleetsec() {
  local path="" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$path $word" in
${pathsBelow(words)
  .map((path) => `      "${parentOf(path)} ${lastOf(path)}") path="${path}" ;;`)
  .join("\n")}
    esac
  done
  case "$path" in
${[...words].map(([path, next]) => `    "${path}") COMPREPLY=($(compgen -W "${next.join(" ")}" -- "\${COMP_WORDS[COMP_CWORD]}")) ;;`).join("\n")}
  esac
  [ \${#COMPREPLY[@]} -gt 0 ] || COMPREPLY=($(compgen -f -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -F _fleetsec fleetsec
`,
  zsh: (words) => `#compdef fleetsec
# fleetsec completion for zsh: source <(fleetsec completion zsh)
autoload -U +X bashcompinit && bashcompinit
${shells["bash"]?.(words) ?? ""}`,
  fish: (words) => `# fleetsec completion for fish: fleetsec completion fish | source
${[...words]
  .map(([path, next]) => {
    const seen =
      path === ""
        ? "__fish_use_subcommand"
        : path
            .split(" ")
            .map((word) => `__fish_seen_subcommand_from ${word}`)
            .join("; and ");
    return `complete -c fleetsec -n "${seen}" -a "${next.join(" ")}"`;
  })
  .join("\n")}
`,
};

function pathsBelow(words: Words): string[] {
  return [...words.keys()].filter((path) => path !== "");
}

function parentOf(path: string): string {
  return path.split(" ").slice(0, -1).join(" ");
}

function lastOf(path: string): string {
  return path.split(" ").at(-1) ?? "";
}
