import { describe, expect, test } from "vitest";
import { isBelow } from "../../src/logs/http-url.ts";

describe("isBelow", () => {
  test.each([
    ["http://log.example/log/checkpoint", "http://log.example/log/"],
    ["http://log.example/log", "http://log.example/log/"],
    ["http://log.example/x", "http://log.example/"],
    ["https://log.example/log/x", "http://log.example:80/log/"],
    ["http://LOG.example./%6cog//x?v=1", "http://log.example/log"],
    ["http://log.example/a/%2e%2e/log/x", "http://log.example/log"],
    ["http://localhost:8080/log/x", "http://127.0.0.1:8080/log"],
    ["http://127.1.2.3:8080/log/x", "http://[::1]:8080/log"],
    ["http://a.localhost:8080/log/x", "http://[::ffff:127.0.0.1]:8080/log"],
    ["http://0.0.0.0:8080/log/x", "http://[::]:8080/log"],
    ["http://[::ffff:10.0.0.1]/log/x", "http://10.0.0.1/log"],
    ["http://log.example/log/%ff/x", "http://log.example/log/%ff"],
  ])("%s is below %s", (url, base) => {
    expect(isBelow(new URL(url), new URL(base))).toBe(true);
  });

  test.each([
    ["http://log.example/log-anchors/x", "http://log.example/log"],
    ["http://log.example/lo", "http://log.example/log"],
    ["http://log.example/a%2Flog", "http://log.example/a/log"],
    ["http://log.example:8080/log/x", "http://log.example/log"],
    ["http://localhost:8081/log/x", "http://127.0.0.1:8080/log"],
    ["http://other.example/log/x", "http://log.example/log"],
    ["http://127.0.0.1.example/log/x", "http://127.0.0.1/log"],
  ])("%s is not below %s", (url, base) => {
    expect(isBelow(new URL(url), new URL(base))).toBe(false);
  });
});
