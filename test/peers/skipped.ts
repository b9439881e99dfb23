import type { TestProject } from "vitest/node";

/** After the summary, names each suite that was skipped for want of a real engine or of others' vectors. */
export function setup(project: TestProject): () => void {
  return () => {
    for (const module of project.vitest.state.getTestModules()) {
      for (const test of module.children.allTests("skipped")) {
        if (test.meta().lacking !== true || test.parent.type !== "suite") continue;
        process.stdout.write(`skipped: ${module.relativeModuleId}: ${test.parent.fullName}\n`);
      }
    }
  };
}
