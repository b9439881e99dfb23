import { request } from "node:http";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { expect, test } from "vitest";
import { FleetsecError } from "../../src/errors.ts";
import { systemExec } from "../../src/platform/exec.ts";
import { type Format, formats } from "../../src/scaffold/quote.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { freePorts, startProcess } from "./process.ts";

/** Strings that a format takes: the same sample for every run of a seed. */
function sample(format: Format, count: number): string[] {
  const dangerous = fc.constantFrom(
    '"',
    "'",
    "\\",
    "\n",
    "\r",
    "\t",
    ";",
    "{",
    "}",
    "#",
    "~",
    "%",
    "${",
    "{{",
    "é",
    "😀",
    "\u0085",
    "\u2028",
    "a",
    " ",
  );
  const text = fc.oneof(
    fc.string({ unit: "binary", minLength: 1 }),
    fc.array(dangerous, { minLength: 1 }).map((parts) => parts.join("")),
  );
  const taken = text.filter((value) => {
    try {
      formats[format](value);
      return true;
    } catch (error) {
      if (error instanceof FleetsecError) return false;
      throw error;
    }
  });
  return fc.sample(taken, { numRuns: count, seed: 7 });
}

describeWithEngines(["nginx"], "a quoted value", ({ nginx }) => {
  test("is what nginx reads", async () => {
    const directory = scratch();
    const [port = 0] = await freePorts(1);
    const values = sample("nginx", 100);
    const locations = values.map((value, i) => `location = /${i} { return 200 ${formats.nginx(value)}; }`);
    writeFileSync(
      join(directory, "nginx.conf"),
      `pid nginx.pid; error_log stderr; daemon off; events {}
      http { access_log off; client_body_temp_path a; proxy_temp_path b; fastcgi_temp_path c; scgi_temp_path d; uwsgi_temp_path e;
      server { listen 127.0.0.1:${port}; ${locations.join("\n")} } }`,
    );
    const engine = await startProcess(nginx.path, ["-p", directory, "-c", "nginx.conf"], {
      cwd: directory,
      port,
    });
    try {
      for (const [i, value] of values.entries()) expect(await get(port, `/${i}`)).toBe(value);
    } finally {
      await engine.stop();
    }
  });
});

describeWithEngines(["haproxy"], "a quoted value", ({ haproxy }) => {
  test("is what HAProxy reads", async () => {
    const directory = scratch();
    const [port = 0] = await freePorts(1);
    const values = sample("haproxy", 100);
    const rules = values.map(
      (value, i) =>
        `  http-request return status 200 content-type text/plain string ${formats.haproxy(value)} if { path /${i} }`,
    );
    writeFileSync(
      join(directory, "haproxy.cfg"),
      `defaults\n  mode http\n  timeout client 60s\n  timeout server 60s\n  timeout connect 60s\nfrontend f\n  bind 127.0.0.1:${port}\n${rules.join("\n")}\n`,
    );
    const engine = await startProcess(haproxy.path, ["-db", "-f", "haproxy.cfg"], { cwd: directory, port });
    try {
      for (const [i, value] of values.entries()) expect(await get(port, `/${i}`)).toBe(value);
    } finally {
      await engine.stop();
    }
  });
});

describeWithEngines(["opa"], "a quoted value", ({ opa }) => {
  test.each(["yaml", "json", "rego"] as const)("is what OPA reads from %s", async (format) => {
    const directory = scratch();
    const values = sample(format, 200);
    const quoted = formats[format](values);
    const file = { yaml: "data.yaml", json: "data.json", rego: "values.rego" }[format];
    const text = {
      yaml: `values: ${quoted}\n`,
      json: `{"values": ${quoted}}`,
      rego: `package data_\n\nvalues := ${quoted}\n`,
    };
    writeFileSync(join(directory, file), text[format]);
    const query = format === "rego" ? "data.data_.values" : "data.values";
    const { stdout, stderr } = await systemExec({}).run(
      opa.path,
      ["eval", "-d", file, "--format", "values", query],
      { cwd: directory },
    );
    expect(stderr).toBe("");
    expect(JSON.parse(stdout)).toEqual([values]);
  });
});

describeWithEngines(["systemd-analyze"], "a quoted value", ({ "systemd-analyze": analyze }) => {
  test("is the path that systemd reads", async () => {
    const directory = scratch();
    // a program that is not there is named as it was read; paths are simplified, so no / in it
    const values = [" a b ", "%h%%n", "a;b'c#d", 'say "hi"', "a\\x41\\", "é😀~{}[]", "-@:+!"];
    const files = values.map((value, i) => {
      const path = formats.systemd(`/nonexistent/x${value}x`);
      writeFileSync(
        join(directory, `unit-${i}.service`),
        `[Service]\nExecStart=${path} ${formats.systemd(value)}\n`,
      );
      return `./unit-${i}.service`;
    });
    const { stderr } = await systemExec({}).run(analyze.path, ["verify", "--man=no", ...files], {
      cwd: directory,
    });
    for (const [i, value] of values.entries()) {
      const read = `/nonexistent/x${value}x`;
      const said = [
        `unit-${i}.service: Command ${read} is not executable: `,
        `unit-${i}.service:2: Executable name contains special characters: ${read}\n`,
      ];
      expect(said.some((line) => stderr.includes(line))).toBe(true);
    }
  });
});

function get(port: number, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    request({ host: "127.0.0.1", port, path, agent: false }, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => resolve(Buffer.concat(chunks).toString()));
    })
      .on("error", reject)
      .end();
  });
}
