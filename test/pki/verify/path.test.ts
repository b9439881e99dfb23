import { describe, expect, test } from "vitest";
import { nameConstraints } from "../../../src/pki/extensions.ts";
import type { VerifyRequest } from "../../../src/pki/verify/request.ts";
import { isInvalid, verifyCertificate } from "../../../src/pki/verify/verify.ts";
import { cpuStopwatch } from "../../support/cpu.ts";
import { forge, HOUR, type Identity, newKey, NOW, type Spec } from "./forge.ts";

/** The subjects of the path, or the reasons. */
function ask(
  leaf: Identity,
  intermediates: Identity[],
  anchors: Identity[],
  more: Partial<VerifyRequest> = {},
) {
  const verdict = verifyCertificate({
    certificate: leaf.certificate,
    intermediates: intermediates.map(({ certificate }) => certificate),
    anchors: anchors.map(({ certificate }) => certificate),
    at: NOW,
    ...more,
  });
  const commonName = (certificate: Identity["certificate"]) => certificate.subject.rdns[0]?.[0]?.text;
  return verdict.ok
    ? verdict.path.map(({ certificate }) => commonName(certificate))
    : verdict.reasons.map(({ code, certificate }) => `${code}@${certificate}`);
}

const ca = (subject: string, issuer?: Identity, more: Spec = {}) =>
  forge({ subject, ca: true, ...more }, issuer);

describe("a path is found", () => {
  test("whatever the order of the certificates", async () => {
    const root = await ca("root");
    const chain = [root];
    for (const name of ["a", "b", "c", "d"]) chain.push(await ca(name, chain.at(-1)));
    const leaf = await forge({}, chain.at(-1));
    const expected = ["leaf", "d", "c", "b", "a", "root"];
    expect(ask(leaf, chain, [root])).toEqual(expected);
    expect(ask(leaf, chain.toReversed(), [root])).toEqual(expected);
  });

  test("where another certificate of the same CA has expired", async () => {
    const root = await ca("root");
    const key = await newKey();
    const old = await ca("issuing", root, { key, notAfter: NOW - HOUR });
    const renewed = await ca("issuing", root, { key, notBefore: NOW - 48 * HOUR });
    const leaf = await forge({}, renewed);
    expect(ask(leaf, [old, renewed], [root])).toEqual(["leaf", "issuing", "root"]);
    expect(ask(leaf, [old], [root])).toEqual(["expired@1"]);
  });

  test("through a cross-signed CA to whichever root is trusted", async () => {
    const [old, young] = [await ca("old root"), await ca("new root")];
    const key = await newKey();
    const [byOld, byYoung] = [await ca("issuing", old, { key }), await ca("issuing", young, { key })];
    const leaf = await forge({}, byOld);
    expect(ask(leaf, [byOld, byYoung], [young])).toEqual(["leaf", "issuing", "new root"]);
    expect(ask(leaf, [byOld, byYoung], [old])).toEqual(["leaf", "issuing", "old root"]);
  });

  test("past a dead end and past a CA of the same name with another key", async () => {
    const [root, stranger] = [await ca("root"), await ca("stranger")];
    const [issuing, twin] = [await ca("issuing", root), await ca("issuing", stranger)];
    const leaf = await forge({}, issuing);
    expect(ask(leaf, [twin, issuing], [root])).toEqual(["leaf", "issuing", "root"]);
  });

  test("where only one of two roots allows the name", async () => {
    const extra = [nameConstraints({ permitted: [{ type: "dns", value: "elsewhere.org" }] })];
    const key = await newKey();
    const [narrow, wide] = [
      await ca("root", undefined, { key, extra }),
      await ca("root", undefined, { key }),
    ];
    const leaf = await forge({}, wide);
    expect(ask(leaf, [], [narrow, wide])).toEqual(["leaf", "root"]);
    expect(ask(leaf, [], [narrow])).toEqual(["name-constraints@0"]);
  });

  test("for a trust anchor itself", async () => {
    const root = await ca("root");
    expect(ask(root, [], [root])).toEqual(["root", "root"]);
  });

  test("to an anchor that did not sign itself", async () => {
    const issuing = await ca("issuing", await ca("root"));
    expect(ask(await forge({}, issuing), [], [issuing])).toEqual(["leaf", "issuing"]);
  });
});

describe("no path is found", () => {
  test("without anything trusted, and that proves nothing", async () => {
    const root = await ca("root");
    const leaf = await forge({}, root);
    expect(ask(leaf, [root], [])).toEqual(["no-trust-anchor@0"]);
    const verdict = verifyCertificate({
      certificate: leaf.certificate,
      intermediates: [],
      anchors: [],
      at: NOW,
    });
    expect(!verdict.ok && isInvalid(verdict)).toBe(false);
  });

  test("from a root that is known but not trusted", async () => {
    const [root, other] = [await ca("root"), await ca("other")];
    const leaf = await forge({}, root);
    expect(ask(leaf, [root], [other])).toEqual(["no-path@1"]);
    expect(ask(root, [], [other])).toEqual(["no-path@0"]);
  });

  test("where the issuer is missing", async () => {
    const root = await ca("root");
    const leaf = await forge({}, await ca("issuing", root));
    expect(ask(leaf, [], [root])).toEqual(["no-path@0"]);
    const verdict = verifyCertificate({
      certificate: leaf.certificate,
      intermediates: [],
      anchors: [root.certificate],
      at: NOW,
    });
    expect(!verdict.ok && isInvalid(verdict)).toBe(true);
  });

  test("in a circle of CAs that sign each other", async () => {
    const [a, b, other] = [await ca("a"), await ca("b"), await ca("other")];
    const aByB = await ca("a", b, { key: a.key });
    const bByA = await ca("b", a, { key: b.key });
    expect(ask(await forge({}, aByB), [aByB, bByA], [other])).toEqual(["no-path@2"]);
  });
});

describe("hostile certificates cost little", () => {
  /** Every CA has signed every other one: the number of paths grows as the factorial. */
  async function mesh(size: number): Promise<Identity[]> {
    const cas = await Promise.all(Array.from({ length: size }, (_, i) => ca(`ca ${i}`)));
    const crossed = cas.flatMap((issuer) =>
      cas.filter((subject) => subject !== issuer).map((subject) => ({ issuer, subject })),
    );
    return Promise.all(
      crossed.map(({ issuer, subject }, i) =>
        ca(`ca ${cas.indexOf(subject)}`, issuer, { key: subject.key, notBefore: NOW - HOUR - i * 1000 }),
      ),
    );
  }

  test("a mesh of CAs that sign each other is given up, not called invalid", async () => {
    const [cas, other] = [await mesh(9), await ca("other")];
    const leaf = await forge({}, cas[0]);
    const spent = cpuStopwatch();
    expect(ask(leaf, cas, [other])).toEqual(["too-complex@0"]);
    expect(spent()).toBeLessThan(1000);
    const verdict = verifyCertificate({
      certificate: leaf.certificate,
      intermediates: cas.map(({ certificate }) => certificate),
      anchors: [other.certificate],
      at: NOW,
    });
    expect(!verdict.ok && isInvalid(verdict)).toBe(false);
  });

  test("layers of CAs with one key each, which make many paths of few signatures, are given up", async () => {
    let [layer, issuers] = [[] as Identity[], [await ca("unknown root")]];
    for (let depth = 0; depth < 10; depth += 1) {
      const key = await newKey();
      const next = [0, 1, 2].map((i) =>
        ca(`layer ${depth}`, issuers[0], { key, notBefore: NOW - HOUR - i * 1000 }),
      );
      issuers = await Promise.all(next);
      layer = [...layer, ...issuers];
    }
    const [leaf, other] = [await forge({}, issuers[0]), await ca("other")];
    const spent = cpuStopwatch();
    expect(ask(leaf, layer, [other])).toEqual(["too-complex@0"]);
    expect(spent()).toBeLessThan(1000);
  });

  test("two hundred CAs of one name with another key do not hide the right one that the leaf names", async () => {
    const root = await ca("root");
    const key = await newKey();
    const wrong = await Promise.all(
      Array.from({ length: 200 }, (_, i) => ca("issuing", root, { key, notBefore: NOW - i * 1000 })),
    );
    const right = await ca("issuing", root, { notBefore: NOW - HOUR });
    const leaf = await forge({}, right);
    expect(ask(leaf, [...wrong, right], [root])).toEqual(["leaf", "issuing", "root"]);
    // without the hint, the search ends before it comes to the right one
    const unnamed = await forge({ replace: { authorityKeyId: null } }, right);
    expect(ask(unnamed, [...wrong, right], [root])).toEqual(["too-complex@0"]);
  });

  test("a chain longer than any is given up", async () => {
    const chain = [await ca("root")];
    for (let i = 0; i < 20; i += 1) chain.push(await ca(`ca ${i}`, chain.at(-1)));
    const [root, ...intermediates] = chain;
    const leaf = await forge({}, intermediates.at(-1));
    expect(ask(leaf, intermediates, root === undefined ? [] : [root])).toEqual(["too-complex@0"]);
  });

  test("more names and constraints than are compared are given up", async () => {
    const bases = Array.from({ length: 2000 }, (_, i) => ({ type: "dns", value: `h${i}.example` }) as const);
    const { subjectAltName } = await import("../../../src/pki/extensions.ts");
    const root = await ca("root", undefined, { extra: [nameConstraints({ excluded: bases })] });
    const names = (count: number) =>
      subjectAltName(
        Array.from({ length: count }, (_, i) => ({ type: "dns", value: `n${i}.other` }) as const),
      );
    const few = await forge({ replace: { subjectAltName: names(50) } }, root);
    const many = await forge({ replace: { subjectAltName: names(200) } }, root);
    expect(ask(few, [], [root])).toEqual(["leaf", "root"]);
    expect(ask(many, [], [root])).toEqual(["too-complex@0"]);
  });
});
