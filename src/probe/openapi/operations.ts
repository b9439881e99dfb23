import { isDeepStrictEqual } from "node:util";
import { FleetsecError } from "../../errors.ts";
import { isSafe } from "../methods.ts";
import { parseTarget, type Target } from "../target.ts";
import { field, items, members, type OpenApi, shortened } from "./document.ts";
import { type Draft, draftsOf, unaskable } from "./draft.ts";
import { bodyOf, MAX_PATH, type Request, requestOf } from "./request.ts";

/** What an OpenAPI document describes, as targets; and what of it is left out. */
export interface Expanded {
  readonly targets: readonly Target[];
  readonly leftOut: readonly LeftOut[];
}

/** An operation that is not probed. */
export interface LeftOut {
  /** `POST https://gateway.example/v1/tenders`. */
  readonly target: string;
  readonly reason: string;
  /** It was to be probed and cannot be: what it accepts is not established. Not so where the method is too much. */
  readonly wanted?: true;
}

const METHODS = ["get", "head", "options", "post", "put", "patch", "delete", "trace"];
const MAX_OPERATIONS = 5000;

/**
 * Every path and method of a document, with examples for what a request has to hold.
 * @param base where the API is, e.g. `https://gateway.example:8443/api`
 * @param allowUnsafe also methods that may change something
 * @throws FleetsecError `input` for a document that is not what it should be, `usage` for the base
 */
export function expand(api: OpenApi, base: string, allowUnsafe: boolean): Expanded {
  const origin = parseTarget(base);
  if (origin.scheme !== "https" && origin.scheme !== "h2") {
    throw new FleetsecError("usage", `an API is not reached over ${origin.scheme}://`, {
      hint: "write --base-url https://HOST:PORT or h2://HOST:PORT",
    });
  }
  if (origin.path.includes("?")) throw new FleetsecError("usage", `--base-url holds a query: ${base}`);
  const stem = base.replace(/\/$/, "");
  const nextDraft = draftsOf(api);
  const targets: Target[] = [];
  const known = new Set<string>();
  const leftOut: LeftOut[] = [];
  for (const described of operationsOf(api)) {
    const path = described.path.length > MAX_PATH ? shortened(described.path) : described.path;
    if ("reason" in described) {
      leftOut.push({ target: `${stem}${path}`, reason: described.reason, wanted: true });
      continue;
    }
    const { method } = described;
    const target = `${method} ${stem}${path}`;
    if (!allowUnsafe && !isSafe(method)) {
      leftOut.push({ target, reason: `${method} may change something (--allow-unsafe-methods)` });
      continue;
    }
    const asked = orReason(() => targetOf(nextDraft(), origin, stem, described));
    if ("reason" in asked) leftOut.push({ target, reason: asked.reason, wanted: true });
    else if (known.has(asked.value.url)) leftOut.push({ target, reason: ASKED_ALREADY, wanted: true });
    else {
      known.add(asked.value.url);
      targets.push(asked.value);
    }
  }
  return { targets, leftOut };
}

/** One of the two is not met: `/a/example` and `/a/{id}` with a value that was made up. */
const ASKED_ALREADY = "its request is that of another operation: give its parameters an example of their own";

interface Reason {
  readonly reason: string;
}

/** What is made of a part of the document, or why it cannot be: a reference in it leads nowhere. */
function orReason<T>(make: () => T): { readonly value: T } | Reason {
  try {
    return { value: make() };
  } catch (error) {
    if (error instanceof FleetsecError && error.code === "input") return { reason: error.message };
    throw error;
  }
}

interface Operation {
  readonly method: string;
  readonly path: string;
  readonly pathItem: unknown;
  readonly operation: unknown;
}

/** @throws FleetsecError `input` for what it cannot be asked with */
function targetOf(
  draft: Draft,
  origin: Target,
  stem: string,
  { method, path, pathItem, operation }: Operation,
): Target {
  if (!isAtBase(draft, pathItem, operation)) throw unaskable("it is at servers of its own, not at the base");
  const request = requestOf(draft, path, [field(pathItem, "parameters"), field(operation, "parameters")]);
  return targetAt(origin, stem, method, request, bodyOf(draft, field(operation, "requestBody")));
}

/** Servers of an operation or a path stand in place of the document's, for which the base stands (OpenAPI 3.1, section 4.8.10). */
function isAtBase(draft: Draft, pathItem: unknown, operation: unknown): boolean {
  const own = [field(operation, "servers"), field(pathItem, "servers")].find((one) => items(one).length > 0);
  return own === undefined || isDeepStrictEqual(draft.taken(own), field(draft.root, "servers"));
}

interface Unknown extends Reason {
  readonly path: string;
}

/** Every operation; or a path whose operations cannot be known. */
function operationsOf(api: OpenApi): (Operation | Unknown)[] {
  const found: (Operation | Unknown)[] = [];
  for (const [path, reference] of members(field(api.root, "paths"))) {
    found.push(...operationsAt(api, path, reference));
    if (found.length > MAX_OPERATIONS) {
      throw new FleetsecError(
        "input",
        `the OpenAPI document describes more than ${MAX_OPERATIONS} operations`,
        {
          hint: "probe it in parts: a document for each",
        },
      );
    }
  }
  if (found.length === 0) throw new FleetsecError("input", "the OpenAPI document describes no operation");
  return found;
}

function operationsAt(api: OpenApi, path: string, reference: unknown): (Operation | Unknown)[] {
  const item = orReason(() => api.resolve(reference));
  if ("reason" in item) return [{ path, ...item }];
  const pathItem = item.value;
  return METHODS.flatMap((method) => {
    const operation = field(pathItem, method);
    return operation === undefined ? [] : [{ method: method.toUpperCase(), path, pathItem, operation }];
  });
}

function targetAt(
  origin: Target,
  stem: string,
  method: string,
  { path, fields }: Request,
  body: Target["body"],
): Target {
  return {
    ...origin,
    url: `${method === "GET" ? "" : `${method} `}${stem}${path}`,
    method,
    path: `${origin.path.replace(/\/$/, "")}${path}`,
    fields,
    body,
  };
}
