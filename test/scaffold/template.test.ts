import { mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import { templateSettings } from "../../src/cli/template-settings.ts";
import { parseConfig } from "../../src/config/load.ts";
import { systemFiles } from "../../src/platform/system-files.ts";
import { plan } from "../../src/scaffold/plan.ts";
import { readTemplate, templateNames } from "../../src/scaffold/template.ts";
import { pathFrom, valuesFor } from "../../src/scaffold/values.ts";
import { scratch } from "../support/scratch.ts";
import { configs } from "./configs.ts";

const library = fileURLToPath(new URL("../../templates", import.meta.url));
const names = templateNames(systemFiles, library);

function settingsOf(name: keyof typeof configs, directory = "/srv/project") {
  const path = join(directory, "fleetsec.yaml");
  return templateSettings({ config: parseConfig(configs[name], path), path, directory });
}

describe.each(names)("template %s", (name) => {
  const template = readTemplate(systemFiles, library, name);

  test("describes every file in its folder", () => {
    const found = readdirSync(join(library, name), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map((entry) => join(entry.parentPath, entry.name).slice(join(library, name).length + 1));
    expect([...template.files.map(({ path }) => path), "template.yaml"].sort()).toEqual(found.sort());
  });

  test.each(Object.keys(configs) as (keyof typeof configs)[])(
    "renders from the %s configuration",
    (config) => {
      const settings = settingsOf(config);
      const changes = plan(template, valuesFor(settings, `/srv/project/deploy/${name}`), () => undefined);
      expect(changes).toHaveLength(template.files.length);
      for (const { path, content, action } of changes) {
        expect(action).toBe("create");
        expect(path.startsWith(`${name}/`)).toBe(template.place === "own");
        const raw = template.files.find((file) => file.format === "raw" && path === `${name}/${file.path}`);
        // what is copied has placeholders of its own
        const left = content.replace(raw?.text ?? "", "").replaceAll("${{", "");
        expect(left).not.toContain("{{");
        expect(content).not.toMatch(/\bNaN\b|\[object |[:"] ?undefined/);
      }
    },
  );

  test("needs what is a value", () => {
    const values = valuesFor(settingsOf("plain"), "/srv/project/deploy/x");
    for (const need of template.needs) expect(values).toHaveProperty(need);
  });
});

describe("a template that is added", () => {
  const folder = (files: Record<string, string>) => {
    const root = scratch();
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    return root;
  };

  test("is one folder with a descriptor, and nothing else", () => {
    const root = folder({
      "mine/template.yaml": "summary: mine\nfiles: {a.conf: nginx}\n",
      "mine/a.conf": "server_name {{server_name}};\n",
      "not-a-template/readme": "x",
    });
    expect(templateNames(systemFiles, root)).toEqual(["mine"]);
    const values = valuesFor(settingsOf("plain"), "/srv/project/deploy/mine");
    expect(plan(readTemplate(systemFiles, root, "mine"), values, () => undefined)).toEqual([
      {
        template: "mine",
        path: "mine/a.conf",
        content: 'server_name "gateway.fleet.internal";\n',
        action: "create",
      },
    ]);
  });

  test.each([
    ["a path that leads out", "summary: x\nfiles: {../a: nginx}\n"],
    ["a hidden step out", "summary: x\nfiles: {a/../../b: nginx}\n"],
    ["an absolute path", "summary: x\nfiles: {/etc/a: nginx}\n"],
    ["an unknown format", "summary: x\nfiles: {a: toml}\n"],
    ["an unknown key", "summary: x\nfiles: {}\nhooks: {}\n"],
  ])("is wrong with %s", (_, descriptor) => {
    const root = folder({ "mine/template.yaml": descriptor, "mine/a": "" });
    expect(() => readTemplate(systemFiles, root, "mine")).toThrow();
  });

  test("that names an unknown value is a bug, named by its file", () => {
    const root = folder({
      "mine/template.yaml": "summary: mine\nfiles: {a.conf: nginx}\n",
      "mine/a.conf": "{{nonsense}}",
    });
    const template = readTemplate(systemFiles, root, "mine");
    expect(() => plan(template, {}, () => undefined)).toThrow("mine/a.conf: no value is called nonsense");
  });

  test("by a name that does not exist is a usage error", () => {
    expect(() => readTemplate(systemFiles, library, "../src")).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });
});

describe("pathFrom", () => {
  test.each([
    ["/p/deploy/nginx", "/p/.fleetsec/ca/crl.pem", "/p", "../../.fleetsec/ca/crl.pem"],
    ["/p/deploy", "/p/deploy/cert.pem", "/p", "./cert.pem"],
    ["/p/deploy", "/p/deploy/engine:x", "/p", "./engine:x"],
    ["/p/deploy", "/var/lib/fleetsec/crl.pem", "/p", "/var/lib/fleetsec/crl.pem"],
    ["/etc/nginx", "/p/.fleetsec/crl.pem", "/p", "/p/.fleetsec/crl.pem"],
    ["/p/deploy", "/p/..state/crl.pem", "/p", "../..state/crl.pem"],
  ])("from %s to %s in %s is %s", (directory, path, project, expected) => {
    expect(pathFrom(directory, path, project)).toBe(expected);
  });
});
