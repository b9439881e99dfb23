import { readFileSync } from "node:fs";
import type { ValidateFunction } from "ajv";
import { Ajv2020 } from "ajv/dist/2020.js";
import addFormats from "ajv-formats";

const ajv = new Ajv2020({ allErrors: true, strict: true, strictTypes: false });
addFormats.default(ajv);

const validators = new Map<string, ValidateFunction>();

function compiled(file: string): ValidateFunction {
  const known = validators.get(file);
  if (known !== undefined) return known;
  const url = new URL(`../../docs/schema/${file}`, import.meta.url);
  const validate = ajv.compile(JSON.parse(readFileSync(url, "utf8")) as object);
  validators.set(file, validate);
  return validate;
}

/** What is wrong with a document by the JSON Schema that it names; empty where nothing is. */
export function schemaErrors(document: unknown): string[] {
  const name = /^fleetsec\.([a-z-]+)\/(v\d+)$/.exec((document as { schema: string }).schema);
  if (name === null) return ["it names no schema"];
  const validate = compiled(`${name[1]}.${name[2]}.json`);
  return validate(document)
    ? []
    : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message}`);
}
