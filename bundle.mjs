// Joins the modules that tsc made into few files, which are published: to find, read and compile a hundred
// of them takes Node as long as to verify a small log. They are CommonJS, as what starts them in bin/ is: for
// ES modules Node takes as long again as to start at all. Libraries stay what they are, in node_modules.
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { build } from "rolldown";

const { dependencies, peerDependencies } = JSON.parse(readFileSync("package.json", "utf8"));
const libraries = Object.keys({ ...dependencies, ...peerDependencies });

/** A file for those modules and all that they import, but for what a group of a higher priority has. */
const group = (name, priority, modules) => ({ name, priority, test: new RegExp(`/dist/(${modules})\\.js$`) });

rmSync("bundle", { recursive: true, force: true });
await build({
  input: { main: "dist/main.js", worker: "dist/worker.js" },
  platform: "node",
  external: libraries.map((name) => new RegExp(`^${name}(/|$)`)),
  checks: { ineffectiveDynamicImport: false },
  output: {
    dir: "bundle",
    format: "cjs",
    entryFileNames: "[name].js",
    // two folders below the package, as src/cli is: from there import.meta.url leads to its other files
    chunkFileNames: "chunks/[name].js",
    codeSplitting: {
      groups: [
        group("base", 5, "errors|platform/terminal"),
        group("platform", 4, "platform/system"),
        group("program", 3, "cli/program"),
        // what a thread needs that helps to verify a log
        group("digest", 2, "logs/verify/(digest-batch|open-checkpoints)"),
        group("verify-log", 1, "cli/verify-logs/verify"),
      ],
    },
  },
});
// the package says that its files are ES modules, and so src/ and test/ are
writeFileSync("bundle/package.json", '{ "type": "commonjs" }\n');
