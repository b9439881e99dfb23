import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { FleetsecError } from "../../../src/errors.ts";
import { parsePeerName } from "../../../src/pki/verify/peer-name.ts";
import { readCertificates } from "../../../src/pki/verify/pem.ts";
import type { Purpose } from "../../../src/pki/verify/request.ts";
import { verifyCertificate } from "../../../src/pki/verify/verify.ts";
import { describeWithVectors } from "../../peers/engines.ts";
import { exceptions } from "./limbo-exceptions.ts";

interface Testcase {
  readonly id: string;
  readonly validation_kind: "CLIENT" | "SERVER";
  readonly trusted_certs: readonly string[];
  readonly untrusted_intermediates: readonly string[];
  readonly peer_certificate: string;
  readonly validation_time?: string | null;
  readonly extended_key_usage?: readonly string[] | null;
  readonly expected_result: "SUCCESS" | "FAILURE";
  readonly expected_peer_name?: { readonly value: string } | null;
  readonly max_chain_depth?: number | null;
}

/** For the cases without a time of their own: the day on which the suite was taken. */
const TODAY = "2023-12-02T00:00:00Z";

interface Asked {
  readonly name?: false;
  readonly purpose?: Purpose;
}

/** `SUCCESS`, or `FAILURE` and why. */
function judge(testcase: Testcase, asked: Asked = {}): readonly [Testcase["expected_result"], string] {
  const read = (pems: readonly string[]) =>
    pems.flatMap((pem) => readCertificates(Buffer.from(pem), testcase.id));
  const name = asked.name === false ? undefined : testcase.expected_peer_name?.value;
  const purpose = testcase.extended_key_usage?.includes("serverAuth") ? "server" : asked.purpose;
  try {
    const [certificate] = read([testcase.peer_certificate]);
    if (certificate === undefined) throw new Error("no certificate in the case");
    const verdict = verifyCertificate({
      certificate,
      intermediates: read(testcase.untrusted_intermediates),
      anchors: read(testcase.trusted_certs),
      at: Date.parse(testcase.validation_time ?? TODAY),
      maxIntermediates: testcase.max_chain_depth ?? undefined,
      peer: name === undefined ? undefined : parsePeerName(name),
      purpose,
    });
    if (verdict.ok) return ["SUCCESS", ""];
    return ["FAILURE", verdict.reasons.map((reason) => `${reason.code} (${reason.certificate})`).join(", ")];
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "input") return ["FAILURE", error.message];
    throw error;
  }
}

function page(testcases: readonly Testcase[], differing: readonly Testcase[]): string {
  const groups = [...new Set(testcases.map(({ id }) => id.split("::")[0] ?? ""))];
  const count = (cases: readonly Testcase[], group: string) =>
    cases.filter(({ id }) => id.startsWith(`${group}::`)).length;
  const rows = groups.map((group) => {
    const [all, odd] = [count(testcases, group), count(differing, group)];
    return `| ${group} | ${all} | ${all - odd} | ${odd} |`;
  });
  const reasons = differing.map(
    ({ id, expected_result }) => `| \`${id}\` | ${expected_result} | ${exceptions[id]} |`,
  );
  const refused = testcases
    .filter((testcase) => testcase.expected_result === "FAILURE" && !differing.includes(testcase))
    .map((testcase) => `| \`${testcase.id}\` | ${judge(testcase)[1]} |`);
  return `# x509-limbo

[x509-limbo](https://github.com/C2SP/x509-limbo) is a suite of certificate paths, made by others, with the
verdict that a validator should give. \`cert verify\` runs all ${testcases.length} cases of commit ddc40b4 (2 December 2023).
This page is written by the test that runs them, \`test/pki/verify/limbo.test.ts\`. The test fails when the
page and the run differ; \`npx vitest run test/pki/verify/limbo.test.ts -u\` writes it anew.

| group | cases | agreed | differing |
|---|---:|---:|---:|
${rows.join("\n")}
| all | ${testcases.length} | ${testcases.length - differing.length} | ${differing.length} |

The groups \`webpki\` and \`online\` are about the public web PKI. They are run all the same: where they
agree, so much the better. Outside these groups every case agrees, but for one whose question contradicts its
answer; it agrees too where the question is put as RFC 5280 puts it. No invalid case there is refused for its
name alone.

How a case is put to the validator:

- The time is the case's, or 2 December 2023 where it has none.
- The purpose is \`server\` where the case demands \`serverAuth\`. Otherwise none is given, since the case
  demands no key usage.
- The name, the trust anchors, the intermediates and the greatest number of intermediates are the case's.

## Cases that differ

| case | expected | why it differs |
|---|---|---|
${reasons.join("\n")}

## How the other invalid cases are refused

The number is the certificate's place in the path: 0 is the one that was asked about. Three cases of
this release lack the issuer of their certificate, so they end with \`no-path\` and say nothing about
their rule: \`rfc5280::serial::negative\`, \`rfc5280::intermediate-ca-missing-basic-constraints\` and
\`rfc5280::ica-ku-keycertsign\`. \`test/pki/verify/validate.test.ts\` covers those rules.

| case | reasons |
|---|---|
${refused.join("\n")}
`;
}

describeWithVectors("x509-limbo", "x509-limbo", (path) => {
  const { testcases } = JSON.parse(readFileSync(join(path, "limbo.json"), "utf8")) as {
    readonly testcases: readonly Testcase[];
  };
  const differs = (testcase: Testcase) => judge(testcase)[0] !== testcase.expected_result;

  test("has the cases that the page counts", () => {
    expect(testcases).toHaveLength(135);
  });

  test.each(testcases.filter(({ id }) => !(id in exceptions)))("$id", (testcase) => {
    const [verdict] = judge(testcase);
    expect(verdict).toBe(testcase.expected_result);
  });

  test("differs where the page says so, and nowhere else", async () => {
    const differing = testcases.filter(differs);
    expect(differing.map(({ id }) => id).sort()).toEqual(Object.keys(exceptions).sort());
    await expect(page(testcases, differing)).toMatchFileSnapshot("../../../docs/x509-limbo.md");
  });

  test("differs outside the web PKI only where the case is at fault", () => {
    const [other, ...more] = testcases.filter(({ id }) => id in exceptions && !id.startsWith("webpki::"));
    expect(other?.id).toBe("rfc5280::nc::permitted-dn-match");
    expect(more).toEqual([]);
    expect(other && judge(other, { name: false })).toEqual(["SUCCESS", ""]);
  });

  test("no case outside the web PKI is refused for its name alone", () => {
    const named = testcases.filter(
      (testcase) =>
        testcase.id.startsWith("rfc5280::") &&
        testcase.expected_result === "FAILURE" &&
        judge(testcase)[1].includes("name-mismatch"),
    );
    expect(named.length).toBeGreaterThan(5);
    for (const testcase of named)
      expect([testcase.id, judge(testcase, { name: false })[0]]).toEqual([testcase.id, "FAILURE"]);
  });

  test("as servers, all that are valid stay so, but for a CA whose key may only sign certificates", () => {
    const valid = testcases.filter(
      (testcase) => testcase.expected_result === "SUCCESS" && !differs(testcase),
    );
    const refused = valid.filter((testcase) => judge(testcase, { purpose: "server" })[0] !== "SUCCESS");
    expect(refused.map(({ id }) => id)).toEqual(["pathlen::validation-ignores-pathlen-in-leaf"]);
  });
});
