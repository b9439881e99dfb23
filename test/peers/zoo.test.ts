import { afterAll, beforeAll, expect, test } from "vitest";
import { probe } from "../../src/probe/run.ts";
import type { Identity } from "../../src/probe/identities/identity.ts";
import type { EndpointResult } from "../../src/probe/result.ts";
import { hostPort, parseTarget } from "../../src/probe/target.ts";
import { outside, requestFor, type World } from "../probe/support/probing.ts";
import { scratch } from "../support/scratch.ts";
import { describeWithEngines } from "./engines.ts";
import { apaches } from "./zoo/apache.ts";
import { caddies } from "./zoo/caddy.ts";
import { envoys } from "./zoo/envoy.ts";
import { erlangs } from "./zoo/erlang.ts";
import { gnutlses } from "./zoo/gnutls.ts";
import { grpcs } from "./zoo/grpc.ts";
import { gos } from "./zoo/go.ts";
import { haproxies } from "./zoo/haproxy.ts";
import { javas } from "./zoo/java.ts";
import { mosquittos } from "./zoo/mosquitto.ts";
import { nginxes } from "./zoo/nginx.ts";
import { nodes } from "./zoo/node.ts";
import { nodesByRequest } from "./zoo/node-requests.ts";
import { openssls } from "./zoo/openssl.ts";
import { stunnels } from "./zoo/stunnel.ts";
import { enclosureIn, type Member, newZooWorld } from "./zoo/zoo.ts";

/** By the engine that they need. */
const zoo = {
  nginx: nginxes,
  envoy: envoys,
  haproxy: haproxies,
  caddy: caddies,
  apache2: apaches,
  openssl: openssls,
  "gnutls-serv": gnutlses,
  stunnel: stunnels,
  mosquitto: mosquittos,
  node: [...nodes, ...nodesByRequest, ...grpcs],
  go: gos,
  java: javas,
  erl: erlangs,
} satisfies Record<string, readonly Member[]>;

const LOOPBACK = [{ address: "127.0.0.1", family: 4 as const }];

// one suite, so that its last act can write the whole table
describeWithEngines(Object.keys(zoo) as (keyof typeof zoo)[], "the zoo", (engines) => {
  let world: World;
  beforeAll(async () => {
    world = await newZooWorld();
  });
  const rows: { readonly member: Member; readonly endpoint: EndpointResult }[] = [];

  for (const [engine, members] of Object.entries(zoo)) {
    for (const member of members) {
      const { server, configuration, scheme, truth } = member;
      test(`${server}: ${configuration} (${scheme}) is ${truth}`, { timeout: 180_000 }, async () => {
        const { path } = engines[engine as keyof typeof zoo];
        const animal = await member.start(path, enclosureIn(scratch(), world));
        try {
          const url = `${scheme}://localhost:${animal.port}`;
          const {
            beside = [],
            supplied = new Map<string, Identity>(),
            canary,
            unsafeMethods = false,
          } = animal;
          const targets = [url, ...beside].map((one) => ({ ...parseTarget(one), unsafeMethods }));
          const addresses = new Map(targets.map((one) => [hostPort(one), LOOPBACK]));
          const request = requestFor(world, url, { targets, supplied, addresses, canary });
          const { endpoints } = await probe(request, outside, () => {});
          const endpoint = endpoints.find(({ target }) => target === url);
          if (endpoint === undefined) throw new Error("no endpoint");
          rows.push({ member, endpoint });
          expect({ verdict: endpoint.verdict, reasons: endpoint.reasons }).toMatchObject({
            verdict: truth === "strict" ? "enforced" : "bypassed",
            ...(truth === "strict" ? { reasons: [] } : {}),
          });
          const accepted = acceptedBy(endpoint);
          expect(accepted).toEqual(expect.arrayContaining([...member.found]));
          const others = accepted.filter((id) => !member.found.includes(id));
          expect(member.foundAlone === true ? others : []).toEqual([]);
          expect(accepted.length > 0).toBe(truth === "lax");
        } finally {
          await animal.stop();
        }
      });
    }
  }

  test("is large enough, and docs/probe-accuracy.md is what this run found", async () => {
    const of = (truth: Member["truth"]) => rows.filter(({ member }) => member.truth === truth).length;
    expect(of("strict")).toBeGreaterThanOrEqual(15);
    expect(of("lax")).toBeGreaterThanOrEqual(20);
    await expect(page(rows)).toMatchFileSnapshot("../../docs/probe-accuracy.md");
  });

  afterAll(() => rows.splice(0));
});

/** Without what is reported and makes no verdict: strict servers accept some of it. */
function acceptedBy({ attacks }: EndpointResult): string[] {
  const accepted = attacks.filter(({ outcome, reportedOnly }) => outcome === "accepted" && !reportedOnly);
  return [...new Set(accepted.map(({ id }) => id))];
}

function page(rows: readonly { readonly member: Member; readonly endpoint: EndpointResult }[]): string {
  const table = (truth: Member["truth"]) =>
    rows
      .filter(({ member }) => member.truth === truth)
      .map(({ member: { server, configuration, scheme, found }, endpoint }) =>
        truth === "strict"
          ? `| ${server} | ${configuration} | ${scheme} | ${endpoint.verdict} |`
          : `| ${server} | ${configuration} | ${scheme} | ${endpoint.verdict} | ${found.join(", ")} |`,
      )
      .join("\n");
  const count = (truth: Member["truth"]) => rows.filter(({ member }) => member.truth === truth).length;
  return `# How often the probe is right

Written by \`test/peers/zoo.test.ts\` from its own run, against real servers of known truth. The whole battery runs
against each; a verdict comes from the [decision rule](probe.md), never from knowing the server.

${count("strict")} strict configurations, each of which must be \`enforced\` with nothing accepted but what is only
reported (\`no-eku\`, \`weak-key\`, \`sha1-signature\`, \`renegotiation\`):

| server | configuration | protocol | verdict |
|---|---|---|---|
${table("strict")}

${count("lax")} lax configurations, each of which must be \`bypassed\`, by the attacks named at least:

| server | configuration | protocol | verdict | found by |
|---|---|---|---|---|
${table("lax")}
`;
}
