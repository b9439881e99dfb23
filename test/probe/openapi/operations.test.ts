import { describe, expect, test } from "vitest";
import { parseOpenApi } from "../../../src/probe/openapi/document.ts";
import { expand } from "../../../src/probe/openapi/operations.ts";

const BASE = "https://gateway.example:8443";

const document = (paths: object, rest: object = {}) =>
  JSON.stringify({ openapi: "3.1.0", info: { title: "t", version: "1" }, paths, ...rest });
const expanded = (text: string, allowUnsafe = false, base = BASE) =>
  expand(parseOpenApi(text, "api"), base, allowUnsafe);
const urls = (text: string, allowUnsafe?: boolean, base?: string) =>
  expanded(text, allowUnsafe, base).targets.map(({ url }) => url);
/** The URL of the only operation, whose parameters these are. */
const withParameters = (path: string, ...parameters: object[]) =>
  urls(document({ [path]: { get: { parameters } } }))[0];

/** Without a meaning for OpenAPI, or of a connection and a message's length. */
const RESERVED = [
  "Accept",
  "Content-Type",
  "Authorization",
  "Host",
  "Connection",
  "Proxy-Connection",
  "Keep-Alive",
  "TE",
  "Upgrade",
  "HTTP2-Settings",
  "Content-Length",
  "Transfer-Encoding",
  "Trailer",
];

describe("an OpenAPI document", () => {
  test("each path with each method that changes nothing", () => {
    const text = document({
      "/": { get: {}, head: {} },
      "/v1/tenders": { get: {}, post: {}, delete: {}, options: {}, trace: {} },
    });
    const { targets, leftOut } = expanded(text);
    expect(targets.map(({ url }) => url)).toEqual([
      `${BASE}/`,
      `HEAD ${BASE}/`,
      `${BASE}/v1/tenders`,
      `OPTIONS ${BASE}/v1/tenders`,
    ]);
    expect(leftOut).toEqual(
      ["POST", "DELETE", "TRACE"].map((method) => ({
        target: `${method} ${BASE}/v1/tenders`,
        reason: `${method} may change something (--allow-unsafe-methods)`,
      })),
    );
    expect(urls(text, true)).toContain(`POST ${BASE}/v1/tenders`);
  });

  test("YAML says the same, and OpenAPI 3.0 too", () => {
    const text =
      "openapi: 3.0.3\npaths:\n  /v1/{id}:\n    parameters:\n      - {name: id, in: path, schema: {type: integer}}\n    get: {}\n";
    expect(urls(text)).toEqual([`${BASE}/v1/1`]);
  });

  test("below a base with a path", () => {
    const text = document({ "/a": { get: {} } });
    const [target] = expanded(text, false, "h2://gateway.example/api/").targets;
    expect(target).toMatchObject({
      url: "h2://gateway.example/api/a",
      scheme: "h2",
      path: "/api/a",
      port: 443,
    });
  });

  test.each([
    ["example", { example: "eu" }, "eu"],
    ["examples", { examples: { first: { value: "us" } } }, "us"],
    ["the schema's example", { schema: { type: "string", example: "x1" } }, "x1"],
    ["the schema's examples", { schema: { type: "string", examples: ["x2"] } }, "x2"],
    ["default", { schema: { default: 7 } }, "7"],
    ["enum", { schema: { enum: ["a", "b"] } }, "a"],
    ["const", { schema: { const: "k" } }, "k"],
    ["minimum", { schema: { type: "integer", minimum: 10 } }, "10"],
    ["a minimum that is none", { schema: { type: "integer", minimum: { valueOf: 1, toString: 1 } } }, "1"],
    ["maxLength", { schema: { type: "string", maxLength: 3 } }, "exa"],
    ["minLength", { schema: { type: "string", minLength: 9 } }, "examplexx"],
    ["a pattern, which is not looked at", { schema: { type: "string", pattern: "^(a+)+$" } }, "example"],
    ["uuid", { schema: { type: "string", format: "uuid" } }, "00000000-0000-4000-8000-000000000000"],
    ["a format that nobody knows", { schema: { type: "string", format: "constructor" } }, "example"],
    ["a format that is none", { schema: { type: "string", format: { toString: 1 } } }, "example"],
    ["several types", { schema: { type: ["null", "boolean"] } }, "true"],
    ["oneOf", { schema: { oneOf: [{ type: "integer" }] } }, "1"],
    ["content", { content: { "text/plain": { example: "c" } } }, "c"],
    ["nothing", {}, "example"],
    ["what leads elsewhere", { example: ".." }, "example"],
    [
      "what a URL cannot hold",
      { example: "a b/../c?d#e\r\n\ud800" },
      "a%20b%2F..%2Fc%3Fd%23e%0D%0A%EF%BF%BD",
    ],
  ])("a parameter in the path by %s", (_how, parameter, value) => {
    expect(withParameters("/v1/{p}/x", { name: "p", in: "path", ...parameter })).toBe(
      `${BASE}/v1/${value}/x`,
    );
  });

  test.each<[string, object, string]>([
    ["a list", { schema: { type: "array", items: { type: "integer" } } }, "1"],
    [
      "a list of some length",
      { schema: { type: "array", minItems: 3, items: { type: "integer" } } },
      "1,1,1",
    ],
    ["a longer list", { example: ["a,b", "c"] }, "a%2Cb,c"],
    ["an empty list", { example: [] }, "example"],
    ["an object", { example: { r: 1, g: "x/y" } }, "r,1,g,x%2Fy"],
    ["an object, exploded", { example: { r: 1, g: 2 }, explode: true }, "r=1,g=2"],
    ["JSON, where that is said", { content: { "application/json": { example: [1] } } }, "%5B1%5D"],
  ])("%s in the path", (_what, parameter, value) => {
    expect(withParameters("/v1/{p}", { name: "p", in: "path", ...parameter })).toBe(`${BASE}/v1/${value}`);
  });

  test("a list in a header field", () => {
    const parameters = [{ name: "X-Ids", in: "header", required: true, example: [1, 2] }];
    expect(expanded(document({ "/a": { get: { parameters } } })).targets[0]?.fields).toEqual([
      ["x-ids", "1,2"],
    ]);
  });

  test.each(["label", "matrix"])("a path of style %s leaves the operation out, by name", (style) => {
    const parameters = [{ name: "p", in: "path", style, example: 1 }];
    expect(expanded(document({ "/a/{p}": { get: { parameters } } }))).toEqual({
      targets: [],
      leftOut: [
        { target: `GET ${BASE}/a/{p}`, reason: `a value in its path is of style ${style}`, wanted: true },
      ],
    });
  });

  test("an operation at servers of its own is left out, by name; the document's are where the base stands", () => {
    const [here, other] = [[{ url: "https://api.example/v1" }], [{ url: "https://other.example" }]];
    const paths = {
      "/a": { get: {}, head: { servers: other }, options: { servers: here } },
      "/b": { servers: other, get: {}, head: { servers: here }, options: { servers: [] } },
    };
    const { targets, leftOut } = expanded(document(paths, { servers: here }));
    expect(targets.map(({ url }) => url)).toEqual([`${BASE}/a`, `OPTIONS ${BASE}/a`, `HEAD ${BASE}/b`]);
    const reason = "it is at servers of its own, not at the base";
    expect(leftOut).toEqual(
      [`HEAD ${BASE}/a`, `GET ${BASE}/b`, `OPTIONS ${BASE}/b`].map((target) => ({
        target,
        reason,
        wanted: true,
      })),
    );
  });

  test("required parameters in query, header and cookie; those of the operation win", () => {
    const text = document({
      "/a": {
        parameters: [{ name: "q", in: "query", required: true, example: "path item" }],
        get: {
          parameters: [
            { name: "q", in: "query", required: true, schema: { type: "array", items: { enum: ["x y"] } } },
            { name: "optional", in: "query", example: "no" },
            { name: "X-Tenant", in: "header", required: true, example: "t1" },
            ...RESERVED.map((reserved) => ({ name: reserved, in: "header", required: true, example: "no" })),
            { name: "session", in: "cookie", required: true, example: "s" },
          ],
        },
      },
    });
    const [target] = expanded(text).targets;
    expect(target?.path).toBe("/a?q=x%20y");
    expect(target?.fields).toEqual([
      ["x-tenant", "t1"],
      ["cookie", "session=s"],
    ]);
  });

  test("references within the document", () => {
    const rest = {
      components: {
        parameters: { "a/b": { name: "id", in: "path", schema: { $ref: "#/components/schemas/Id" } } },
        schemas: { Id: { type: "string", example: "T-1" } },
      },
    };
    const parameters = [{ $ref: "#/components/parameters/a~1b" }];
    expect(urls(document({ "/t/{id}": { parameters, get: {} } }, rest))).toEqual([`${BASE}/t/T-1`]);
  });

  test("a body of JSON, where one is demanded", () => {
    const schema = {
      type: "object",
      required: ["from", "stops"],
      properties: {
        from: { type: "string", format: "date" },
        stops: {
          type: "array",
          items: { allOf: [{ type: "object", required: ["n"], properties: { n: { type: "integer" } } }] },
        },
        note: { type: "string" },
      },
    };
    const body = (content: object) => ({ requestBody: { required: true, content } });
    const { targets, leftOut } = expanded(
      document({
        "/a": { post: body({ "application/json": { schema } }), put: body({ "application/xml": {} }) },
      }),
      true,
    );
    expect(
      targets.map(({ body: sent }) => sent && { ...sent, bytes: Buffer.from(sent.bytes).toString() }),
    ).toEqual([{ type: "application/json", bytes: '{"from":"2025-01-01","stops":[{"n":1}]}' }]);
    const reason = "it demands a body that is not JSON, without an example that is a text";
    expect(leftOut).toEqual([{ target: `PUT ${BASE}/a`, reason, wanted: true }]);
  });

  test("a body of another kind is sent where there is an example of it that is a text", () => {
    const content = { "multipart/form-data": {}, "text/csv": { example: "a,b" } };
    const { targets, leftOut } = expanded(
      document({ "/a": { put: { requestBody: { required: true, content } } } }),
      true,
    );
    expect(targets.map(({ body }) => body)).toEqual([{ type: "text/csv", bytes: Buffer.from("a,b") }]);
    expect(leftOut).toEqual([]);
    const hostile = { "text/csv\r\nx: y": { example: "a,b" } };
    const none = expanded(
      document({ "/a": { put: { requestBody: { required: true, content: hostile } } } }),
      true,
    );
    expect([none.targets, none.leftOut.map(({ wanted }) => wanted)]).toEqual([[], [true]]);
  });

  test.each([
    ["a header field of two lines", { name: "x", in: "header", required: true, example: "a\r\nb: c" }],
    ["a header field without a name", { name: "a b", in: "header", required: true, example: "c" }],
  ])("%s leaves its operation out", (_what, parameter) => {
    const { targets, leftOut } = expanded(
      document({ "/a": { get: { parameters: [parameter] } }, "/b": { get: {} } }),
    );
    expect(targets.map(({ path }) => path)).toEqual(["/b"]);
    expect(leftOut).toHaveLength(1);
  });

  test.each(["/a b", "/a?q=1#part", "/#"])("the path %j leaves its operation out", (path) => {
    const { targets, leftOut } = expanded(document({ [path]: { get: {} }, "/b": { get: {} } }));
    expect(targets.map((target) => target.path)).toEqual(["/b"]);
    const reason = "its path has characters that a URL cannot hold";
    expect(leftOut).toEqual([{ target: `GET ${BASE}${path}`, reason, wanted: true }]);
  });

  test("two operations that would be one request are not both asked", () => {
    const id = (more: object) => ({ parameters: [{ name: "id", in: "path", ...more }], get: {}, head: {} });
    const of = (more: object) => expanded(document({ "/a/example": { get: {} }, "/a/{id}": id(more) }));
    const { targets, leftOut } = of({});
    expect(targets.map(({ url }) => url)).toEqual([`${BASE}/a/example`, `HEAD ${BASE}/a/example`]);
    expect(leftOut).toEqual([
      {
        target: `GET ${BASE}/a/{id}`,
        reason: expect.stringContaining("another operation") as string,
        wanted: true,
      },
    ]);
    expect(of({ example: 7 })).toMatchObject({ targets: [{}, { url: `${BASE}/a/7` }, {}], leftOut: [] });
  });

  test("a query in the path is followed by those that are required", () => {
    expect(withParameters("/a?x=1", { name: "q", in: "query", required: true, example: 2 })).toBe(
      `${BASE}/a?x=1&q=2`,
    );
  });

  const circle = {
    components: { schemas: { A: { $ref: "#/components/schemas/B" }, B: { $ref: "#/components/schemas/A" } } },
  };
  const ask = (schema: object) => ({ "/{a}": { get: { parameters: [{ name: "a", in: "path", schema }] } } });
  test.each<[string, object, string, object?]>([
    ["in a circle", { $ref: "#/components/schemas/A" }, "leads in a circle", circle],
    ["to nothing", { $ref: "#/components/schemas/A" }, "leads to nothing"],
    ["to an inherited member", { $ref: "#/constructor/prototype" }, "leads to nothing"],
    ["to another file", { $ref: "other.yaml#/A" }, "leads to another document"],
    ["to another host", { $ref: "https://elsewhere.invalid/a.json" }, "leads to another document"],
  ])("a reference %s leaves out what has it, by name", (_what, reference, how, rest = {}) => {
    const [at] = Object.values(reference) as string[];
    const reason = expect.stringContaining(`the reference ${at} ${how}`) as string;
    const leftOutOf = (paths: object) => {
      const { targets, leftOut } = expanded(document({ ...paths, "/b": { get: {} } }, rest), true);
      expect(targets.map(({ path }) => path)).toEqual(["/b"]);
      return leftOut;
    };
    const here = (method: string, path: string) => [
      { target: `${method}${BASE}${path}`, reason, wanted: true },
    ];
    expect(leftOutOf(ask(reference))).toEqual(here("GET ", "/{a}"));
    expect(leftOutOf({ "/a": { put: { requestBody: reference } } })).toEqual(here("PUT ", "/a"));
    expect(leftOutOf({ "/a": reference })).toEqual(here("", "/a"));
  });

  test.each([
    ["Swagger 2.0", '{"swagger":"2.0","paths":{}}'],
    ["nothing", ""],
    ["a list", "[]"],
    ["broken JSON", '{"openapi":"3.1.0",'],
    ["broken YAML", "openapi: 3.1.0\n  paths: ]"],
    ["no operation", document({})],
    ["YAML that nests without end", `openapi: ${"[".repeat(100_000)}`],
    [
      "JSON that nests without end",
      `{"openapi":"3.1.0","paths":${"[".repeat(100_000)}${"]".repeat(100_000)}}`,
    ],
    [
      "too many operations",
      document(Object.fromEntries(Array.from({ length: 5001 }, (_, i) => [`/${i}`, { get: {} }]))),
    ],
    ["aliases that multiply", bomb()],
    ["an alias within itself", "openapi: 3.1.0\npaths: {/: {get: {}}}\nx: &x [*x]\n"],
    ["an alias within itself, twice", "openapi: 3.1.0\npaths: {/: {get: {}}}\nx: &x [*x, *x]\n"],
    [
      "a path that stands twice in JSON",
      '{"openapi":"3.1.0","paths":{"/a":{"get":{}},"/\\u0061":{"head":{}}}}',
    ],
    ["a path that stands twice in YAML", "openapi: 3.1.0\npaths:\n  /a: {get: {}}\n  /a: {head: {}}\n"],
  ])("%s is an input error", (_what, text) => {
    expect(() => expanded(text)).toThrow(expect.objectContaining({ code: "input" }));
  });

  test.each([
    "tls://gateway.example:1",
    "grpcs://gateway.example:1",
    "https://gateway.example/?x",
    "gateway",
  ])("a base of %s is a usage error", (base) => {
    expect(() => expanded(document({ "/": { get: {} } }), false, base)).toThrow(
      expect.objectContaining({ code: "usage" }),
    );
  });
});

/** Nine levels of nine aliases. */
function bomb(): string {
  const levels = Array.from(
    "bcdefghij",
    (name, i) => `${name}: &${name} [${`*${"abcdefghij"[i]},`.repeat(9)}]`,
  );
  return ["openapi: 3.1.0", "a: &a [lol]", ...levels, "paths: *j"].join("\n");
}
