import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Identity, readIdentity } from "../../../src/probe/identities/identity.ts";
import { richClient, testCa, testLeaf } from "../../probe/support/certificates.ts";
import { newWorld, type World } from "../../probe/support/probing.ts";
import { freePorts, startProcess } from "../process.ts";

/** What a server of the zoo is given: certificates, and a directory of its own. */
export interface Enclosure {
  readonly directory: string;
  /** Writes a file into the directory; its path. */
  readonly put: (name: string, text: string) => string;
  /** Paths: the server's chain and key, and the root of the clients' CA. */
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  readonly world: World;
}

export interface Animal {
  readonly port: number;
  /** A second port, for a listener beside the first. */
  readonly other?: number;
  /** URLs of targets that are probed in the same run. */
  readonly beside?: readonly string[];
  /** Identities by attack, as a user would supply them. */
  readonly supplied?: ReadonlyMap<string, Identity>;
  /** Text that only a valid client sees, as a user would name it. */
  readonly canary?: string;
  /** The user allows methods that may change something. */
  readonly unsafeMethods?: boolean;
  stop(): Promise<void>;
}

/** What a listener beside the first is called; the server's certificate holds it too. */
export const BESIDE = "beside.localhost";

export async function newZooWorld(): Promise<World> {
  const world = await newWorld();
  const names = [
    { type: "dns" as const, value: "localhost" },
    { type: "dns" as const, value: BESIDE },
    { type: "ip" as const, value: "127.0.0.1" },
  ];
  const options = { commonName: "server", purpose: "server" as const, names, chain: [world.ca] };
  const client = await richClient(world.ca, world.root);
  return { ...world, server: await testLeaf(world.ca, options), client };
}

/** With another listener as a target of the same run: at the second port, or behind another name at the first. */
export function beside(where: "port" | "name", start: Member["start"]): Member["start"] {
  return async (program, enclosure) => {
    const animal = await start(program, enclosure);
    const host = where === "port" ? `localhost:${animal.other ?? 0}` : `${BESIDE}:${animal.port}`;
    return { ...animal, beside: [`https://${host}`] };
  };
}

/** Probed with `--allow-unsafe-methods`. */
export function withUnsafeMethods(start: Member["start"]): Member["start"] {
  return async (program, enclosure) => ({ ...(await start(program, enclosure)), unsafeMethods: true });
}

/** A CA that a listener may trust beside the right one, and a client of it, for `resume-cross-host`. */
export interface SecondCa {
  /** Paths: that CA alone, and with the right one. */
  readonly alone: string;
  readonly both: string;
}

/** Gives the user a certificate of a second CA, which the listener beside the first trusts. */
export function withSecondCa(
  start: (program: string, enclosure: Enclosure, second: SecondCa) => Promise<Animal>,
): Member["start"] {
  return async (program, enclosure) => {
    const { put, world } = enclosure;
    const ca = await testCa("Partner CA");
    const leaf = await testLeaf(ca, { commonName: "partner", purpose: "client" });
    const second = {
      alone: put("second.pem", ca.pem),
      both: put("both.pem", world.root.pem + ca.pem),
    };
    const names = { certificate: "partner", key: "its key" };
    const identity = readIdentity(Buffer.from(leaf.pem), leaf.keyPem, names);
    const supplied = new Map([["resume-cross-host", identity]]);
    return { ...(await start(program, enclosure, second)), supplied };
  };
}

/** A real server with one configuration, and what is true of it. */
export interface Member {
  /** The server, by its name in docs/probe-accuracy.md. */
  readonly server: string;
  /** What its configuration says about clients' certificates. */
  readonly configuration: string;
  readonly scheme: "https" | "h2" | "grpcs" | "tls" | "mqtts";
  /** Whether only clients with a valid certificate are served. */
  readonly truth: "strict" | "lax";
  /** Attacks of which each must be accepted on some version of TLS; none for a strict server. */
  readonly found: readonly string[];
  /** No other attack may be accepted. */
  readonly foundAlone?: boolean;
  /** @param program of the engine's path, "" for Node itself */
  start(program: string, enclosure: Enclosure): Promise<Animal>;
}

export function enclosureIn(directory: string, world: World): Enclosure {
  const put = (name: string, text: string) => {
    writeFileSync(join(directory, name), text, { mode: 0o600 });
    return join(directory, name);
  };
  return {
    directory,
    put,
    cert: put("server.pem", world.server.pem),
    key: put("server.key", world.server.keyPem),
    ca: put("ca.pem", world.root.pem),
    world,
  };
}

/** Runs a program that listens on the ports that `args` is told. */
export async function run(
  { directory }: Enclosure,
  program: string,
  args: (port: number, other: number) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Animal> {
  const [port = 0, other = 0] = await freePorts(2);
  const running = await startProcess(program, args(port, other), { cwd: directory, port, env });
  return { port, other, stop: () => running.stop() };
}

/** Strict configurations, and what each says. */
export function strict(
  server: string,
  scheme: Member["scheme"],
  rows: Readonly<Record<string, Member["start"]>>,
): Member[] {
  return Object.entries(rows).map(([configuration, start]) => ({
    server,
    scheme,
    configuration,
    truth: "strict",
    found: [],
    start,
  }));
}

/** Lax configurations: what each says, and what must find it, alone perhaps. */
export function lax(
  server: string,
  scheme: Member["scheme"],
  rows: Readonly<
    Record<string, readonly [found: readonly string[], start: Member["start"], alone?: "alone"]>
  >,
): Member[] {
  return Object.entries(rows).map(([configuration, [found, start, alone]]) => ({
    server,
    scheme,
    configuration,
    truth: "lax",
    found,
    foundAlone: alone === "alone",
    start,
  }));
}
