import { AsyncLocalStorage } from "node:async_hooks";
import type { TestContext } from "vitest";

export const running = new AsyncLocalStorage<TestContext>();

/** Does that when the test that asks for it ends. `onTestFinished` of the runner knows one running test alone. */
export function atEndOfTest(task: () => unknown): void {
  const context = running.getStore();
  if (context === undefined) throw new Error("no test is running that could end");
  context.onTestFinished(async () => void (await task()));
}
