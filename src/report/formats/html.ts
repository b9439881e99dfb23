import { createHash } from "node:crypto";
import { checksBody } from "../html/checks.ts";
import { STYLE } from "../html/style.ts";
import { markup } from "../markup.ts";
import { outcomeOf, type Report } from "../report.ts";

/**
 * A page that needs nothing but itself: no script, no request, no font. The policy in its head lets
 * the browser load nothing even if something had slipped into the markup.
 */
export function html(report: Report): string {
  const outcome = outcomeOf(report);
  const { command, headline, version, time } = report;
  const made = new Date(time).toISOString();
  const body = report.body?.() ?? checksBody(report);
  return markup`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="${POLICY}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>${WORDS[outcome].title}: fleetsec ${command}</title>
<style>${{ markup: STYLE }}</style>
</head>
<body>
<header class="verdict ${outcome}">
<p class="command">fleetsec ${command}</p>
<h1><span class="mark" aria-hidden="true">${WORDS[outcome].mark}</span> ${headline}</h1>
<p class="made"><time datetime="${made}">${made.slice(0, 16).replace("T", " ")} UTC</time> · fleetsec ${version}</p>
</header>
<main>
${body}</main>
</body>
</html>
`.markup;
}

const WORDS = {
  passed: { mark: "✓", title: "Passed" },
  failed: { mark: "✗", title: "Failed" },
  inconclusive: { mark: "?", title: "Not established" },
} as const;

const POLICY = `default-src 'none'; style-src 'sha256-${createHash("sha256").update(STYLE).digest("base64")}'; base-uri 'none'; form-action 'none'`;
