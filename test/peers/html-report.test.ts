// @module-tag long
import { statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import type { Browser } from "playwright-core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { html } from "../../src/report/formats/html.ts";
import { probeReport } from "../../src/report/probe-report.ts";
import type { Report } from "../../src/report/report.ts";
import { verifyLogsReport } from "../../src/report/verify-logs-report.ts";
import { alteredLog, intactLog } from "../report/support/audited-logs.ts";
import { manyFacedProbe } from "../report/support/fixtures.ts";
import { scratch } from "../support/scratch.ts";
import { axeFaults, launchChromium, withPage } from "./browser.ts";
import { describeWithEngines } from "./engines.ts";

const context = { version: "0.1.0", time: Date.parse("2026-11-23T09:00:00Z") };
const probe = probeReport(manyFacedProbe, context);
const { body: _, ...plain } = probe;
const pages: readonly (readonly [string, Report])[] = [
  ["probe", probe],
  ["a command without a page of its own", { ...plain, command: "logs lint" }],
  ["an intact log", verifyLogsReport(await intactLog(), { ...context, store: "audit-log" })],
  ["an altered log", verifyLogsReport(await alteredLog(), { ...context, store: "audit-log" })],
];

describeWithEngines(["chromium"], "HTML reports in Chromium", ({ chromium }) => {
  let browser: Browser;
  beforeAll(async () => {
    browser = await launchChromium(chromium.path);
  }, 180_000);
  afterAll(() => browser.close());

  const written = (report: Report, change = (page: string) => page) => {
    const file = join(scratch(), "report.html");
    writeFileSync(file, change(html(report)));
    return file;
  };

  test.each(pages)(
    "%s: axe finds no fault, light and wide, dark and narrow",
    { timeout: 180_000 },
    async (_name, report) => {
      const file = written(report);
      expect(await axeFaults(browser, file, { scheme: "light", width: 1100 })).toEqual([]);
      expect(await axeFaults(browser, file, { scheme: "dark", width: 400 })).toEqual([]);
    },
  );

  // FLEETSEC_SCREENSHOTS=docs/images makes the documentation's pictures anew
  const pictures = process.env["FLEETSEC_SCREENSHOTS"];
  test.runIf(pictures !== undefined).each(pages)("a picture of %s", async (name, report) => {
    const viewing = { scheme: "light", width: 1000 } as const;
    await withPage(browser, written(report), viewing, async (page) => {
      const path = join(pictures ?? "", `${name.replaceAll(" ", "-")}.png`);
      await page.screenshot({ path, clip: { x: 0, y: 0, width: 1000, height: 1150 }, fullPage: true });
      expect(statSync(path).size).toBeGreaterThan(10_000);
    });
  });

  test("axe would find one", { timeout: 180_000 }, async () => {
    const file = written(probe, (page) => page.replace('<html lang="en">', "<html>"));
    expect(await axeFaults(browser, file, { scheme: "light", width: 1100 })).toHaveLength(1);
  });

  test.each(pages)(
    "%s: asks for nothing but itself, and nothing is cut off at 400 px",
    { timeout: 180_000 },
    async (_name, report) => {
      const file = written(report);
      const viewer = await browser.newContext({ viewport: { width: 400, height: 900 } });
      try {
        const page = await viewer.newPage();
        const asked: string[] = [];
        const said: string[] = [];
        page.on("request", (request) => asked.push(request.url()));
        page.on("console", (message) => said.push(message.text()));
        await page.goto(pathToFileURL(file).href);
        expect(asked).toEqual([pathToFileURL(file).href]);
        expect(said).toEqual([]);
        expect(await page.evaluate("document.documentElement.scrollWidth")).toBe(400);
      } finally {
        await viewer.close();
      }
    },
  );

  test(
    "evidence opens with a click without JavaScript, and is all there in print",
    { timeout: 180_000 },
    async () => {
      const file = written(probe);
      const viewing = { scheme: "light", width: 1100 } as const;
      await withPage(browser, file, { ...viewing, javaScriptEnabled: false }, async (page) => {
        const row = page.locator("#endpoint-2 details").first();
        const evidence = row.getByText("HTTP 200 <script>alert(1)</script> & \\u{1b}[2J").first();
        expect(await evidence.isVisible()).toBe(false);
        await row.locator("summary").click();
        expect(await evidence.isVisible()).toBe(true);
      });
      await withPage(browser, file, viewing, async (page) => {
        const evidence = page.locator("#endpoint-1 details .more").first();
        expect(await evidence.isVisible()).toBe(false);
        await page.emulateMedia({ media: "print" });
        expect(await evidence.isVisible()).toBe(true);
      });
    },
  );
});
