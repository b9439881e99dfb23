import { basename } from "node:path";
import { initialConfig, type InitialAnswers } from "../../config/initial.ts";
import { gatewayKinds } from "../../config/gateway-schema.ts";
import { configSchema } from "../../config/schema.ts";
import { FleetsecError } from "../../errors.ts";
import type { Cli } from "../command.ts";
import { askChoices, askText, canPrompt } from "../prompt.ts";

export interface AnswerFlags {
  readonly yes?: true;
  readonly name?: string;
  readonly domain?: string;
  readonly gateway?: readonly string[];
}

const DEFAULT_DOMAIN = "fleet.internal";

/**
 * What a new configuration is made of: flags first, then questions where there is somebody to ask,
 * then defaults.
 * @throws FleetsecError `usage` for a flag that the configuration's schema refuses
 */
export async function answers(cli: Cli, flags: AnswerFlags, directory: string): Promise<InitialAnswers> {
  const given = {
    name: checked("--name", flags.name, faultOfName),
    domain: checked("--domain", flags.domain, faultOfDomain),
    gateways: flags.gateway?.map(gatewayKind),
  };
  const defaults = { name: nameFrom(directory), domain: DEFAULT_DOMAIN, gateways: ["nginx" as const] };
  if (flags.yes !== true && canPrompt(cli)) {
    const ask = (fault: (text: string) => string | undefined) => (text: string) => fault(text) ?? true;
    return {
      name: given.name ?? (await askText("Name of the project", defaults.name, ask(faultOfName))),
      domain: given.domain ?? (await askText("Trust domain", defaults.domain, ask(faultOfDomain))),
      gateways: given.gateways ?? (await askChoices("Gateways", gatewayKinds, defaults.gateways)),
    };
  }
  return {
    name: given.name ?? defaults.name,
    domain: given.domain ?? defaults.domain,
    gateways: given.gateways ?? defaults.gateways,
  };
}

/** The text of the configuration that these answers make. */
export function configText(given: InitialAnswers): string {
  return initialConfig({ ...given, gateways: [...new Set(given.gateways)] });
}

const faultOfName = (text: string) => faultOf(configSchema.shape.name.safeParse(text));
const faultOfDomain = (text: string) => faultOf(configSchema.shape.domain.safeParse(text));

function faultOf(result: {
  error?: { issues: readonly { message: string }[] } | undefined;
}): string | undefined {
  return result.error?.issues[0]?.message;
}

function checked(
  flag: string,
  value: string | undefined,
  faultOfValue: (text: string) => string | undefined,
): string | undefined {
  const fault = value === undefined ? undefined : faultOfValue(value);
  if (fault === undefined) return value;
  throw new FleetsecError("usage", `${flag} cannot be ${value?.slice(0, 80)}: ${fault}`);
}

function gatewayKind(text: string): (typeof gatewayKinds)[number] {
  const kind = gatewayKinds.find((candidate) => candidate === text);
  if (kind !== undefined) return kind;
  throw new FleetsecError("usage", `--gateway cannot be ${text.slice(0, 80)}`, {
    hint: `choose from ${gatewayKinds.join(", ")}`,
  });
}

/** A project's name from its directory's, as far as the schema allows. */
function nameFrom(directory: string): string {
  const name = basename(directory)
    .toLowerCase()
    .replace(/[^a-z0-9._-]+/g, "-")
    .slice(0, 63)
    .replace(/^[._-]+|[._-]+$/g, "");
  return faultOfName(name) === undefined ? name : "fleet";
}
