import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { type Browser, chromium, type Page } from "playwright-core";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

/** Debian's Chromium, which asks nobody for anything by itself. */
export function launchChromium(executablePath: string): Promise<Browser> {
  return chromium.launch({
    executablePath,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

export interface Viewing {
  readonly width: number;
  readonly scheme: "light" | "dark";
}

/** What axe finds fault with on a page, a line each; it is run in a page whose policy would forbid it. */
export async function axeFaults(browser: Browser, file: string, viewing: Viewing): Promise<string[]> {
  return withPage(browser, file, { ...viewing, bypassCSP: true }, async (page) => {
    await page.addScriptTag({ content: AXE });
    return page.evaluate<string[]>(
      "axe.run().then(({ violations }) => violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html}`)))",
    );
  });
}

/** Opens a page of a file, for as long as `use` takes. */
export async function withPage<T>(
  browser: Browser,
  file: string,
  {
    width,
    scheme,
    ...options
  }: Viewing & { readonly bypassCSP?: boolean; readonly javaScriptEnabled?: boolean },
  use: (page: Page) => Promise<T>,
): Promise<T> {
  const context = await browser.newContext({
    viewport: { width, height: 900 },
    colorScheme: scheme,
    ...options,
  });
  try {
    const page = await context.newPage();
    await page.goto(pathToFileURL(file).href);
    return await use(page);
  } finally {
    await context.close();
  }
}
