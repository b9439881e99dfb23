import type { EndpointResult } from "../probe/result.ts";

/** What follows a target to say which endpoint is meant. */
export function whereOf({
  address,
  serverName,
  siblingOf,
}: Pick<EndpointResult, "address" | "serverName" | "siblingOf">): string {
  const name = serverName === undefined ? "" : ` as ${serverName}`;
  return `at ${address}${name}${siblingOf === undefined ? "" : `, a sibling port of ${siblingOf}`}`;
}
