import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Ajv } from "ajv";
import addFormats from "ajv-formats";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { type EndpointResult, NOT_SELECTED, standingOf } from "../../src/probe/result.ts";
import { github, githubSummary } from "../../src/report/formats/github.ts";
import { html } from "../../src/report/formats/html.ts";
import { json } from "../../src/report/formats/json.ts";
import { junit } from "../../src/report/formats/junit.ts";
import { sarif } from "../../src/report/formats/sarif.ts";
import { probeReport } from "../../src/report/probe-report.ts";
import { type Check, outcomeOf, referenceUrl, type Report } from "../../src/report/report.ts";
import { anyProbeResult, anyReport } from "./support/arbitrary.ts";
import { attackResult, endpointResult, probeResult } from "./support/fixtures.ts";
import { allElements, parseXml, type XmlElement } from "./support/xml.ts";

const context = { version: "0.1.0", time: Date.parse("2026-11-23T09:00:00Z") };
const anyOfBoth = fc.oneof(
  anyReport,
  anyProbeResult.map((result) => probeReport(result, context)),
);

const check = (changes: Partial<Check>): Check => ({
  rule: "no-cert",
  outcome: "failed",
  subject: "https://gateway.example/ at 192.0.2.1",
  variant: "TLS 1.3",
  evidence: "HTTP 200, as the control",
  key: ["https://gateway.example/", "1.3"],
  ...changes,
});

const reportOf = (...checks: readonly Check[]): Report => ({
  command: "probe",
  ...context,
  headline: "Bypassed",
  document: { schema: "fleetsec.probe/v1" },
  rules: [
    {
      id: "no-cert",
      title: "no certificate",
      meaning: "anyone is served",
      reference: "RFC 8446 section 4.4.2.4",
      fix: "nginx: ssl_verify_client on;\nGo: tls.RequireAndVerifyClientCert",
    },
  ],
  checks,
});

describe("a report", () => {
  test("of a probe comes to the same as the probe's own exit code, whatever the result", () => {
    fc.assert(
      fc.property(anyProbeResult, (result) => {
        expect(outcomeOf(probeReport(result, context))).toBe(standingOf(result));
      }),
      { numRuns: 200 },
    );
  });

  test("says in every format how much of the battery was left out, and nothing of that where it was not", () => {
    const left = attackResult({ id: "wrong-ca", tls: null, outcome: "not-run", evidence: NOT_SELECTED });
    const all = (...endpoints: readonly EndpointResult[]) => {
      const report = probeReport(probeResult(...endpoints), context);
      return [junit, sarif, github, githubSummary, html].map((format) => format(report));
    };
    const [whole, narrowed] = [endpointResult([attackResult()]), endpointResult([attackResult(), left])];
    for (const text of all(whole, whole)) expect(text).not.toMatch(/attacks? not selected/);
    for (const text of all(narrowed, narrowed)) expect(text).toContain("1 of 2 attacks not selected");
    for (const text of all(narrowed, whole))
      expect(text).toContain("not every attack selected for every endpoint");
  });

  test.each([
    ["RFC 8446 section 4.4.2.4", "https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4"],
    ["RFC 5280 section 6.1.3 (a)(1)", "https://www.rfc-editor.org/rfc/rfc5280#section-6.1.3"],
    ["RFC 8996", "https://www.rfc-editor.org/rfc/rfc8996"],
    ["nginx CVE-2025-23419", "https://www.cve.org/CVERecord?id=CVE-2025-23419"],
    ["C2SP tlog-tiles", undefined],
    ["javascript:alert(1)", undefined],
  ])("a reference leads to what it names: %s", (reference, url) => expect(referenceUrl(reference)).toBe(url));
});

describe("json", () => {
  test("is the command's document", () => {
    const report = reportOf(check({}));
    expect(JSON.parse(json(report))).toEqual(report.document);
  });
});

describe("junit", () => {
  test("a case for each check: what failed fails, what is unclear is an error, the rest tells why", () => {
    const outcomes = [
      "passed",
      "noted",
      "failed",
      "inconclusive",
      "not-run",
      "not-applicable",
      "tolerated",
    ] as const;
    const root = parseXml(junit(reportOf(...outcomes.map((outcome) => check({ outcome })))));
    expect(root.attributes).toMatchObject({
      name: "fleetsec probe",
      tests: "7",
      failures: "1",
      errors: "1",
      skipped: "3",
    });
    const cases = root.children.flatMap((suite) => suite.children);
    expect(cases.map(({ children }) => children[0]?.name)).toEqual([
      "system-out",
      "system-out",
      "failure",
      "error",
      "skipped",
      "skipped",
      "skipped",
    ]);
    expect(cases[2]?.attributes).toEqual({
      classname: "https://gateway.example/ at 192.0.2.1",
      name: "no-cert on TLS 1.3",
    });
    expect(cases[2]?.children[0]?.text).toContain("why: anyone is served (RFC 8446 section 4.4.2.4)");
    expect(cases[2]?.children[0]?.text).toContain("nginx: ssl_verify_client on;");
    expect(cases[4]?.children[0]?.attributes["message"]).toBe("not-run: HTTP 200, as the control");
  });

  test("is well-formed whatever the text, has the elements of JUnit alone, and fails when the report does", () => {
    const names = ["testsuites", "testsuite", "testcase", "system-out", "failure", "error", "skipped"];
    fc.assert(
      fc.property(anyOfBoth, (report) => {
        const root = parseXml(junit(report));
        const elements = allElements(root);
        expect(names).toEqual(expect.arrayContaining(elements.map(({ name }) => name)));
        expect(elements.filter(({ name }) => name === "testcase")).toHaveLength(report.checks.length);
        const red = Number(root.attributes["failures"]) + Number(root.attributes["errors"]);
        expect(red > 0).toBe(outcomeOf(report) !== "passed");
      }),
      { numRuns: 100 },
    );
  });
});

describe("sarif", () => {
  // of the OASIS specification, as @microsoft/jest-sarif carries it
  const path = createRequire(import.meta.url).resolve(
    "@microsoft/jest-sarif/lib/schemas/sarif-2.1.0-rtm.5.json",
  );
  const ajv = new Ajv({ strict: false, allErrors: true, unicodeRegExp: false });
  addFormats.default(ajv);
  // its draft 4 uses nothing that means something else in draft 7
  const {
    $schema: _draft,
    id: _id,
    ...schema
  } = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const validate = ajv.compile(schema);
  // oxlint-disable-next-line typescript/no-explicit-any
  const runOf = (report: Report): any => JSON.parse(sarif(report)).runs[0];

  test("is valid by the schema whatever the text, with a result for each finding and doubt", () => {
    fc.assert(
      fc.property(anyOfBoth, (report) => {
        const log: unknown = JSON.parse(sarif(report));
        expect(validate(log) ? [] : validate.errors).toEqual([]);
        const shown = ["failed", "tolerated", "noted", "inconclusive"];
        const expected = report.checks.filter(({ outcome }) => shown.includes(outcome)).length;
        expect(runOf(report).results).toHaveLength(expected);
      }),
      { numRuns: 100 },
    );
  });

  test("a schema that can fail: a log without a version is refused", () => {
    expect(validate({ runs: [] })).toBe(false);
    expect(validate({ version: "2.1.0", runs: [{ tool: { driver: { name: "x" } }, results: [{}] }] })).toBe(
      false,
    );
  });

  test("says where, why and how to mend it, and a baseline is a suppression", () => {
    const place = { path: "conf/fleet sec.yaml", line: 12 };
    const run = runOf(reportOf(check({ place }), check({ outcome: "tolerated", evidence: "until 2027" })));
    expect(run.tool.driver.rules[0]).toMatchObject({
      id: "no-cert",
      helpUri: "https://www.rfc-editor.org/rfc/rfc8446#section-4.4.2.4",
      help: { text: expect.stringContaining("nginx: ssl_verify_client on;") as string },
    });
    expect(run.results[0]).toMatchObject({ ruleId: "no-cert", ruleIndex: 0, level: "error", kind: "fail" });
    expect(run.results[0].locations[0].physicalLocation).toEqual({
      artifactLocation: { uri: "conf/fleet%20sec.yaml" },
      region: { startLine: 12 },
    });
    expect(run.results[0].suppressions).toBeUndefined();
    expect(run.results[1].suppressions).toEqual([
      { kind: "external", status: "accepted", justification: "until 2027" },
    ]);
    expect(run.invocations[0].executionSuccessful).toBe(true);
    expect(runOf(reportOf(check({ outcome: "inconclusive" }))).invocations[0].executionSuccessful).toBe(
      false,
    );
  });

  test.each([
    ["https://gateway.example:8443/v1/a%20b?x=1", "gateway.example/8443/v1/a%20b%3Fx=1"],
    ["https://gateway.example/", "gateway.example"],
    ["tls://[::1]:8443", "%5B%3A%3A1%5D/8443"],
    ["grpcs://api.example:50051/fleet.v1.Tenders/Get", "api.example/50051/fleet.v1.Tenders/Get"],
    ["file:////etc/passwd", "etc/passwd"],
  ])("%s, which is no file of the repository, is at the first line of %s", (url, uri) => {
    const report = reportOf(check({ place: { path: url }, subject: `${url} at 192.0.2.7` }));
    const [location] = runOf(report).results[0].locations;
    expect(location.physicalLocation).toEqual({ artifactLocation: { uri }, region: { startLine: 1 } });
    expect(location.logicalLocations[0].fullyQualifiedName).toBe(`${url} at 192.0.2.7`);
    expect(validate(JSON.parse(sarif(report)))).toBe(true);
  });

  test("a fingerprint stays when evidence and address change, and differs by target, version and rule", () => {
    const of = (changes: Partial<Check>): string =>
      runOf(reportOf(check(changes))).results[0].partialFingerprints["fleetsec/v1"];
    expect(of({ evidence: "HTTP 204", subject: "https://gateway.example/ at 192.0.2.7" })).toBe(of({}));
    expect(of({ key: ["https://gateway.example/", "1.2"] })).not.toBe(of({}));
    expect(of({ key: ["https://other.example/", "1.3"] })).not.toBe(of({}));
  });

  test("braces are no placeholders and brackets no links", () => {
    const run = runOf(reportOf(check({ evidence: "[here](https://evil.example) {0}" })));
    expect(run.results[0].message.text).toContain("\\[here\\](https://evil.example) {{0}}");
  });
});

describe("github", () => {
  test("errors, warnings and notices, with the place and one line each", () => {
    const place = { path: "fleetsec.yaml", line: 3 };
    const text = github(
      reportOf(
        check({ place, evidence: "a, b: 100%" }),
        check({ outcome: "inconclusive" }),
        check({ outcome: "noted" }),
        check({ outcome: "passed" }),
      ),
    );
    const lines = text.trimEnd().split("\n");
    expect(lines.map((line) => line.split(" ")[0])).toEqual(["::error", "::warning", "::notice"]);
    expect(lines[0]).toMatch(
      /^::error title=fleetsec probe%3A no-cert on TLS 1\.3,file=fleetsec\.yaml,line=3::https:.*a, b: 100%25%0Aanyone is served/,
    );
  });

  test("more than GitHub shows are counted", () => {
    const lines = github(reportOf(...Array.from({ length: 25 }, () => check({}))))
      .trimEnd()
      .split("\n");
    expect(lines).toHaveLength(10);
    expect(lines.at(-1)).toBe("::error title=fleetsec probe::and 16 more");
  });

  test("no text can begin a command, or a property, of its own", () => {
    fc.assert(
      fc.property(anyOfBoth, (report) => {
        const text = github(report);
        expect(text === "" || text.endsWith("\n")).toBe(true);
        for (const line of text.split("\n").slice(0, -1)) {
          // each property's value has no delimiter in it, and what follows the second :: is data
          expect(line).toMatch(
            /^::(error|warning|notice) title=[^,:]*(,file=[^,:]*)?(,line=\d+)?::[^\r\n]*$/u,
          );
        }
      }),
      { numRuns: 100 },
    );
  });

  test("the summary is one block of HTML: no line of it is read as Markdown, and no tag comes from outside", () => {
    const names = ["h3", "p", "table", "tr", "th", "td", "code", "br"];
    fc.assert(
      fc.property(anyOfBoth, (report) => {
        const text = githubSummary(report);
        // the empty line ends the block, for what other tools append
        expect(text.endsWith("\n\n")).toBe(true);
        const lines = text.slice(0, -2).split("\n");
        expect(lines.filter((line) => !line.startsWith("<"))).toEqual([]);
        const elements = allElements(parseXml(`<div>${text}</div>`)).slice(1);
        expect(names).toEqual(expect.arrayContaining(elements.map(({ name }) => name)));
        expect(elements.flatMap(({ attributes }) => Object.keys(attributes))).toEqual([]);
      }),
      { numRuns: 100 },
    );
  });
});

const FORBIDDEN = ["script", "link", "img", "iframe", "object", "form", "base"];
const LINK = /^(https:\/\/www\.(rfc-editor|cve)\.org\/|#endpoint-\d+$)/;

describe("html", () => {
  test("the page is well-formed, asks for nothing, and no tag, attribute or link comes from outside", () => {
    fc.assert(
      fc.property(anyOfBoth, (report) => {
        const elements = allElements(pageElements(html(report)));
        for (const { name, attributes } of elements) {
          expect(FORBIDDEN).not.toContain(name);
          expect(Object.keys(attributes).filter((one) => /^on|^src|^style$|^action/.test(one))).toEqual([]);
          expect(attributes["href"] ?? "#endpoint-1").toMatch(LINK);
        }
        expect(elements.find(({ name }) => name === "h1")?.text).toBeDefined();
      }),
      { numRuns: 60 },
    );
  });

  test("its policy lets nothing load, and its only style is the one that it names", () => {
    const page = html(reportOf(check({})));
    const elements = allElements(pageElements(page));
    const style = elements.find(({ name }) => name === "style")?.text ?? "";
    const hash = createHash("sha256").update(style).digest("base64");
    const policy = elements.find(({ attributes }) => attributes["http-equiv"] !== undefined)?.attributes[
      "content"
    ];
    expect(policy).toBe(
      `default-src 'none'; style-src 'sha256-${hash}'; base-uri 'none'; form-action 'none'`,
    );
    expect(style).not.toMatch(/url\(|@import/);
  });
});

/** Void elements are all that keeps a page from being XML. */
function pageElements(page: string): XmlElement {
  return parseXml(page.replace(/^<!doctype html>/, "").replace(/<(meta [^>]*)>/g, "<$1/>"));
}
