import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { World } from "../../probe/support/probing.ts";
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
  stop(): Promise<void>;
}

/** A real server with one configuration, and what is true of it. */
export interface Member {
  /** The server, by its name in docs/probe-accuracy.md. */
  readonly server: string;
  /** What its configuration says about clients' certificates. */
  readonly configuration: string;
  readonly scheme: "https" | "h2" | "tls" | "mqtts";
  /** Whether only clients with a valid certificate are served. */
  readonly truth: "strict" | "lax";
  /** Attacks of which each must be accepted on some version of TLS; none for a strict server. */
  readonly found: readonly string[];
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

/** Runs a program that listens on the port that `args` is told. */
export async function run(
  { directory }: Enclosure,
  program: string,
  args: (port: number) => readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<Animal> {
  const [port = 0] = await freePorts(1);
  const running = await startProcess(program, args(port), { cwd: directory, port, env });
  return { port, stop: () => running.stop() };
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

/** Lax configurations: what each says, and what must find it. */
export function lax(
  server: string,
  scheme: Member["scheme"],
  rows: Readonly<Record<string, readonly [found: readonly string[], start: Member["start"]]>>,
): Member[] {
  return Object.entries(rows).map(([configuration, [found, start]]) => ({
    server,
    scheme,
    configuration,
    truth: "lax",
    found,
    start,
  }));
}
