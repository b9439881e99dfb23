import type { TestModule, TestProject } from "vitest/node";

/**
 * After the summary, names each suite that was skipped for want of a real engine or of others' vectors, and what
 * `npm test` left to `npm run test:long`.
 */
export function setup(project: TestProject): () => void {
  return () => {
    const leavesLong = project.vitest.config.tagsFilter?.includes("!long") === true;
    for (const module of project.vitest.state.getTestModules()) {
      if (leavesLong)
        for (const name of longOnes(module)) process.stdout.write(`left to test:long: ${name}\n`);
      for (const test of module.children.allTests("skipped")) {
        if (test.meta().lacking !== true || test.parent.type !== "suite") continue;
        process.stdout.write(`skipped: ${module.relativeModuleId}: ${test.parent.fullName}\n`);
      }
    }
  };
}

/** What takes long in a module: its name where all does, otherwise each test. */
function longOnes(module: TestModule): string[] {
  const tests = [...module.children.allTests()];
  const long = tests.filter(({ tags }) => tags.includes("long"));
  if (long.length === tests.length) return [module.relativeModuleId];
  return long.map(({ fullName }) => `${module.relativeModuleId}: ${fullName}`);
}
