import * as fc from "fast-check";
import { describe, expect, test } from "vitest";
import { s3Access } from "../../../src/logs/s3/credentials.ts";
import { readVersions } from "../../../src/logs/s3/versions.ts";
import { FleetsecError } from "../../../src/errors.ts";
import { memoryFiles } from "../../support/memory-files.ts";

// the form of Amazon S3's API reference, ListObjectVersions
const LIST = `<?xml version="1.0" encoding="UTF-8"?>
<ListVersionsResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">
  <Name>bucket</Name><Prefix>a</Prefix><KeyMarker/><VersionIdMarker/><MaxKeys>2</MaxKeys>
  <NextKeyMarker>a/b</NextKeyMarker><NextVersionIdMarker>2</NextVersionIdMarker><IsTruncated>true</IsTruncated>
  <DeleteMarker><Key>a/b</Key><VersionId>2</VersionId><IsLatest>true</IsLatest>
    <LastModified>2026-01-02T00:00:00.000Z</LastModified><Owner><ID>me</ID></Owner></DeleteMarker>
  <Version><Key>a/b &amp; c</Key><VersionId>1</VersionId><IsLatest>false</IsLatest>
    <LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>"x"</ETag><Size>9</Size></Version>
</ListVersionsResult>`;

describe("readVersions", () => {
  test("reads versions, delete markers and where the next page begins", async () => {
    expect(await readVersions(Buffer.from(LIST))).toEqual({
      next: { key: "a/b", version: "2" },
      versions: [
        {
          key: "a/b",
          versionId: "2",
          isLatest: true,
          deleted: true,
          lastModified: "2026-01-02T00:00:00.000Z",
          size: Number.NaN,
        },
        {
          key: "a/b & c",
          versionId: "1",
          isLatest: false,
          deleted: false,
          lastModified: "2026-01-01T00:00:00.000Z",
          size: 9,
        },
      ],
    });
    const last = LIST.replace("<IsTruncated>true", "<IsTruncated>false");
    expect((await readVersions(Buffer.from(last))).next).toBeUndefined();
  });

  test.each([
    ["no XML", "{}"],
    ["no end", LIST.slice(0, 500)],
    [
      "an entity of its own",
      LIST.replace('<?xml version="1.0" encoding="UTF-8"?>', "<!DOCTYPE x [<!ENTITY y 'z'>]>").replace(
        "&amp;",
        "&y;",
      ),
    ],
    ["a version without a key", LIST.replace("<Key>a/b</Key>", "")],
    ["depth", "<a>".repeat(100_000)],
    ["bytes that are no UTF-8", Buffer.of(0x3c, 0x61, 0x3e, 0xff)],
  ])("refuses %s", async (_what, text) => {
    await expect(readVersions(Buffer.from(text as string))).rejects.toMatchObject({ code: "unreachable" });
  });

  test("ends with a list or that refusal, whatever the bytes", async () => {
    const edits = fc.array(fc.tuple(fc.nat(LIST.length - 1), fc.nat(255)), { minLength: 1, maxLength: 5 });
    await fc.assert(
      fc.asyncProperty(edits, async (changes) => {
        const bytes = Buffer.from(LIST);
        for (const [at, byte] of changes) bytes[at] = byte;
        const end = await readVersions(bytes).then(
          () => "read",
          (error: unknown) => (error instanceof FleetsecError ? error.code : error),
        );
        expect(["read", "unreachable"]).toContain(end);
      }),
      { numRuns: 50 },
    );
  });
});

describe("s3Access", () => {
  const none = memoryFiles(new Map());

  test("takes the variables first", () => {
    const env = {
      AWS_ACCESS_KEY_ID: "id",
      AWS_SECRET_ACCESS_KEY: "secret",
      AWS_SESSION_TOKEN: "token",
      AWS_REGION: "eu-central-1",
      AWS_ENDPOINT_URL: "http://127.0.0.1:1/",
      AWS_ENDPOINT_URL_S3: "http://127.0.0.1:2/",
    };
    expect(s3Access(env, none)).toEqual({
      accessKeyId: "id",
      secretAccessKey: "secret",
      sessionToken: "token",
      region: "eu-central-1",
      endpoint: new URL("http://127.0.0.1:2/"),
    });
  });

  test("then the profile of the shared file", () => {
    const files = memoryFiles(
      new Map([
        [
          "/home/me/.aws/credentials",
          Buffer.from(
            "[default]\naws_access_key_id = one\naws_secret_access_key=a\n# aws_access_key_id = no\n[ audit ]\r\naws_access_key_id=two\r\naws_secret_access_key = b\r\n",
          ),
        ],
      ]),
    );
    expect(s3Access({ HOME: "/home/me" }, files)).toMatchObject({
      accessKeyId: "one",
      secretAccessKey: "a",
      region: "us-east-1",
    });
    expect(s3Access({ HOME: "/home/me", AWS_PROFILE: "audit" }, files)).toMatchObject({
      accessKeyId: "two",
      secretAccessKey: "b",
    });
    expect(() => s3Access({ HOME: "/home/me", AWS_PROFILE: "other" }, files)).toThrow("no credentials");
  });

  test.each([
    [{}],
    [{ AWS_ACCESS_KEY_ID: "id" }],
    [{ AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "s", AWS_REGION: "../x" }],
    [{ AWS_ACCESS_KEY_ID: "id", AWS_SECRET_ACCESS_KEY: "s", AWS_ENDPOINT_URL: "file:///x" }],
  ])("refuses %o", (env) => {
    expect(() => s3Access(env, none)).toThrow(expect.objectContaining({ code: "usage" }) as Error);
  });
});
