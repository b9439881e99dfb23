import { tmpdir } from "node:os";
import { join } from "node:path";
import { styleFor } from "../report/style.ts";
import type { Define } from "./command.ts";

interface DemoFlags {
  readonly keep?: true;
}

export const define: Define = (command, bind) => {
  command
    .description(
      "The whole tour in a scratch directory, on Node alone: CA, certificates, gateway, probe, signed log,\n" +
        "verification, and a tampered log caught. Ends with 0 where every step holds.",
    )
    .option("--keep", "leave the scratch directory")
    .action(
      bind(async (cli, flags: DemoFlags) => {
        const { platform, output } = cli;
        const { createStage } = await import("./demo/stage.ts");
        const { tour } = await import("./demo/tour.ts");
        const directory = join(tmpdir(), `fleetsec-demo-${Buffer.from(platform.random(6)).toString("hex")}`);
        platform.files.makeDirectory(directory);
        const style = await styleFor(output.color.stdout);
        const show = (text: string) => {
          if (!output.json && !output.quiet) platform.stdout.write(text);
        };
        const stage = createStage(platform, directory, show, style);
        const started = platform.clock.now();
        try {
          const proved = await tour(stage);
          const seconds = (platform.clock.now() - started) / 1000;
          output.result(
            { schema: "fleetsec.demo/v1", ok: true, seconds, steps: stage.performed, proved },
            () =>
              [
                `\n${style.strong("Proved")} by ${stage.performed.length} commands in ${seconds.toFixed(1)} s:`,
                ...proved.map((line) => `  ${style.good("✓")} ${line}`),
                ...(flags.keep === true ? [`\nEverything is in ${directory}`] : []),
              ].join("\n"),
          );
          return 0;
        } finally {
          if (flags.keep !== true) platform.files.remove(directory);
        }
      }),
    );
};
