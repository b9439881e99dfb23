import { attacks as battery } from "./attacks.ts";
import type { Selection } from "./result.ts";
import type { ProbeRequest } from "./run.ts";

/** What a run is asked to try. It is the same for every part of a split. */
export function selectionOf({
  attacks,
  supplied,
  forgery,
  canary,
  targets,
  elsewhere,
  certificates,
  timeout,
  version,
}: ProbeRequest): Selection {
  const all = [...targets, ...elsewhere];
  const isReported = (id: string) =>
    battery.some((attack) => attack.id === id && attack.weight === "reported");
  return {
    attacks: attacks.map(({ id }) => id),
    required: attacks.filter(({ id, weight }) => weight !== "reported" && isReported(id)).map(({ id }) => id),
    identities: [...supplied.keys()].toSorted(),
    clientCa: forgery.ca !== undefined,
    canary: canary !== undefined,
    unsafeMethods: all.some((target) => target.unsafeMethods === true),
    certificates,
    serverNames: all
      .flatMap(({ url, serverName }) => (serverName === undefined ? [] : `${url} as ${serverName}`))
      .toSorted(),
    timeout: timeout === undefined ? null : timeout / 1000,
    version,
    siblings: all.flatMap(({ url, siblingOf }) => (siblingOf === undefined ? [] : url)).toSorted(),
    expectations: all
      .flatMap(({ url, expected = [] }) =>
        expected.map(({ role, outcome }) => `${url}: ${role} is ${outcome}`),
      )
      .toSorted(),
  };
}

/** What each of two runs, called so, was asked for alone, a line for each kind; none where they are the same. */
export function differences(
  [first, one]: readonly [name: string, selection: Selection],
  [second, other]: readonly [name: string, selection: Selection],
): string[] {
  return Object.entries(KINDS).flatMap(([kind, items]) => {
    const alone = (name: string, its: Selection, others: Selection) => {
      const only = items(its).filter((item) => !items(others).includes(item));
      return only.length === 0 ? [] : [`${kind} in ${name} alone: ${only.join(", ")}`];
    };
    return [...alone(first, one, other), ...alone(second, other, one)];
  });
}

const KINDS: Readonly<Record<string, (selection: Selection) => readonly string[]>> = {
  attacks: ({ attacks }) => attacks,
  "attacks that are required": ({ required }) => required,
  "identities that are supplied": ({ identities }) => identities,
  certificates: ({ certificates }) => certificates,
  "server names": ({ serverNames }) => serverNames,
  "versions of fleetsec": ({ version }) => [version],
  given: ({ clientCa, canary, unsafeMethods, timeout }) => [
    ...(timeout === null ? [] : [`a time-out of ${timeout} s`]),
    ...(clientCa ? ["the CA's key"] : []),
    ...(canary ? ["a canary"] : []),
    ...(unsafeMethods ? ["leave for unsafe methods"] : []),
  ],
  "sibling ports": ({ siblings }) => siblings,
  expectations: ({ expectations }) => expectations,
};
