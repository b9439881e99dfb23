import { describe, expect, test } from "vitest";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { FleetsecError } from "../../src/errors.ts";
import { parseCertificate } from "../../src/pki/verify/certificate.ts";
import { encodeCertId, encodeRequest, readResponse } from "../support/ocsp.ts";
import { type TestProject, testProject } from "../support/project.ts";

async function projectWithCa(edit?: (config: string) => string): Promise<TestProject> {
  const project = testProject(edit);
  await project.run(["ca", "init", "--insecure-dev-key"]);
  return project;
}

/** The responder as a command, until the test ends it. */
async function started(project: TestProject, flags: readonly string[] = []) {
  const controller = new AbortController();
  let stderr = "";
  const ended = project.run(["ca", "ocsp", "--listen", "127.0.0.1:0", ...flags], {
    signal: controller.signal,
    onStderr: (text) => (stderr += text),
  });
  await expect.poll(() => stderr).toContain("listening on");
  const url = /http:\S+/.exec(stderr)?.[0] ?? "";
  return {
    url,
    ended,
    stop: async () => {
      controller.abort(new FleetsecError("terminated", "terminated"));
      return ended;
    },
  };
}

async function ask(url: string, der: Uint8Array) {
  const response = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/ocsp-request" },
    body: der,
  });
  return readResponse(Buffer.from(await response.arrayBuffer()));
}

describe("fleetsec ca ocsp", () => {
  test("answers by POST and GET, sees a revocation at the next request, and ends on the signal", async () => {
    const project = await projectWithCa((config) =>
      config.replace("pki:\n", "pki:\n  ocsp_url: http://ca.fleet.internal/status/ocsp\n"),
    );
    const { document } = await project.json(["cert", "issue", "truck-1", "--role", "fleet-edge"]);
    const pem = readFileSync(join(project.directory, ".fleetsec/ca/1/issuing-cert.pem"), "utf8");
    const issuing = parseCertificate(Buffer.from(pem.split("\n").slice(1, -2).join(""), "base64"), "issuing");
    const { serial } = document as { serial: string };
    const request = encodeRequest([encodeCertId(issuing, serial)]);
    const { url, stop } = await started(project, ["--validity", "5m"]);
    expect((await ask(url, request)).basic?.responses).toMatchObject([{ status: "good" }]);
    expect(await project.run(["cert", "revoke", "truck-1", "--reason", "superseded"])).toMatchObject({
      code: 0,
    });
    expect((await ask(url, request)).basic?.responses).toMatchObject([{ status: "revoked", reason: 4 }]);
    const get = await fetch(
      `${url}status/ocsp/${encodeURIComponent(Buffer.from(request).toString("base64"))}`,
    );
    expect(get.headers.get("cache-control")).toContain("max-age=300,");
    expect(readResponse(Buffer.from(await get.arrayBuffer())).basic?.responses).toMatchObject([
      { status: "revoked" },
    ]);
    expect(await stop()).toMatchObject({ code: 143, stdout: "" });
    await expect(fetch(url)).rejects.toThrow();
  });

  test("its certificate is listed", async () => {
    const project = await projectWithCa();
    await (await started(project)).stop();
    const { document } = await project.json(["cert", "list"]);
    expect(document.certificates).toMatchObject([
      { name: "ocsp-responder", role: "ocsp-responder", status: "valid" },
    ]);
  });

  test.each([
    [["--listen", "nowhere"], "usage"],
    [["--listen", "127.0.0.1:0", "--validity", "13h"], "usage"],
    [["--listen", "127.0.0.1:0", "--validity", "soon"], "usage"],
    [[], "usage"],
    [["--listen", "127.0.0.1:0", "--passphrase-file", "missing"], "not-found"],
  ])("%j ends with 2 (%s) and issues nothing", async (flags, code) => {
    const project = testProject();
    await project.run(["ca", "init", "--yes"]);
    expect(await project.attempt(["ca", "ocsp", ...flags])).toMatchObject({ exit: 2, code, changed: false });
  });

  test("on a port in use it ends with 2, and no responder's certificate was made", async () => {
    const project = await projectWithCa();
    const first = await started(project);
    const { host } = new URL(first.url);
    expect(await project.attempt(["ca", "ocsp", "--listen", host])).toMatchObject({
      exit: 2,
      code: "input",
      changed: false,
    });
    await first.stop();
    const { document } = await project.json(["cert", "list"]);
    expect(document.certificates).toHaveLength(1);
    const again = await started(project, ["--listen", host]);
    expect(new URL(again.url).host).toBe(host);
    await again.stop();
  });

  test("where its key cannot be unlocked it does not go on listening", async () => {
    const project = testProject();
    await project.run(["ca", "init", "--yes"]);
    const options = { env: { FLEETSEC_PASSPHRASE: "another" } };
    // it ends, which it would not while a server listens
    expect(await project.attempt(["ca", "ocsp", "--listen", "127.0.0.1:0"], options)).toMatchObject({
      code: "passphrase",
      changed: false,
    });
  });

  test("without a CA it says what to do", async () => {
    const attempt = await testProject().attempt(["ca", "ocsp", "--listen", "127.0.0.1:0"]);
    expect(attempt).toMatchObject({ exit: 2, code: "not-found", changed: false });
    expect(attempt.text).toContain("ca init");
  });
});
