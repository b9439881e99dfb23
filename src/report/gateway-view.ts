import type { Acceptance, GatewayView, PolicyDenial, PolicyIdentity } from "../pki/verify/gateway-view.ts";
import { escapeText } from "./escape.ts";
import type { Style } from "./style.ts";
import { wrap } from "./wrap.ts";

/** For the document: reasons without the place in the path, which is not part of it. */
export function gatewayMembers({ client, server, policy }: GatewayView): object {
  const members = ({ outcome, reasons }: Acceptance) => ({
    outcome,
    reasons: reasons.map(({ code, message, certificate }) => ({ code, message, certificate })),
  });
  return {
    client: { ...members(client), ...(policy === undefined ? {} : { policy }) },
    server: members(server),
  };
}

export function gatewayText(view: GatewayView, columns: number, style: Style): string[] {
  const { client, server, policy } = view;
  return [
    "what a gateway would make of it",
    ...acceptanceText("as a client", client, columns, style),
    ...(policy === undefined || client.outcome !== "accepted" ? [] : policyText(policy, columns, style)),
    ...acceptanceText("as a server", server, columns, style),
  ];
}

const INDENT = " ".repeat(15);

function acceptanceText(
  label: string,
  { outcome, reasons }: Acceptance,
  columns: number,
  style: Style,
): string[] {
  const words = {
    accepted: () => style.good("accepted"),
    refused: () => style.bad("refused"),
    unknown: () => style.unsure("could not be established"),
  };
  const lines = reasons.flatMap(({ code, message, certificate }) =>
    wrap(
      `${certificate === 0 ? "it" : `certificate ${certificate} of its path`} ${escapeText(message)} (${code})`,
      columns - INDENT.length,
    ),
  );
  return [`  ${label}  ${words[outcome]()}`, ...lines.map((line) => `${INDENT}${line}`)];
}

const DENIALS: Readonly<Record<PolicyDenial, string>> = {
  not_a_client_certificate: "it is not for clients by its extended key usage",
  unknown_trust_domain: "no name of it is of the trust domain",
  no_role: "none of its roles is granted anything",
};

function policyText(
  { roles, spiffeId, vehicle, denials }: PolicyIdentity,
  columns: number,
  style: Style,
): string[] {
  const rows: readonly (readonly [string, string])[] = [
    ["SPIFFE ID", spiffeId ?? "none"],
    ["roles", roles.join(", ") || "none"],
    ["vehicle", vehicle ?? "none"],
  ];
  const seen = rows.flatMap(([name, value], i) =>
    wrap(`${name} ${escapeText(value)}`, columns - INDENT.length).map(
      (line) => `${i === 0 && line.startsWith(name) ? "    OPA sees   " : INDENT}${line}`,
    ),
  );
  const denied = denials.flatMap((denial) => wrap(`${DENIALS[denial]} (${denial})`, columns - INDENT.length));
  const verdict =
    denials.length === 0
      ? "    OPA allows what the roles are granted"
      : `    OPA ${style.bad("denies")} every request:`;
  return [...seen, verdict, ...denied.map((line) => `${INDENT}${line}`)];
}
