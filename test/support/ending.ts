import { AsyncLocalStorage } from "node:async_hooks";
import { aroundEach, type TestContext } from "vitest";

const running = new AsyncLocalStorage<TestContext>();
aroundEach((runTest, context) => running.run(context, runTest));

/** Does that when the test ends that asks for it: of tests beside each other, `onTestFinished` knows none. */
export function atEndOfTest(task: () => unknown): void {
  const context = running.getStore();
  if (context === undefined) throw new Error("no test is running that could end");
  context.onTestFinished(async () => void (await task()));
}
