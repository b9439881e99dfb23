import { configless, type Source } from "./sources.ts";

/** What the value of a flag or an argument may be. */
export type Values =
  /** Files and directories, which the shell knows best. */
  | "files"
  /** Nobody can tell: a duration, an address, a text. */
  | "free"
  | Source;

/** By what stands between the angle brackets in the help, which says the same wherever it stands. */
const BY_PLACEHOLDER: Readonly<Record<string, Values>> = {
  attack: configless.attacks,
  "a..b": "free",
  "attack=cert,key": "free",
  "cmd arg": "files",
  csr: "files",
  dir: "files",
  domain: "free",
  duration: "free",
  file: "files",
  "file.csv": "files",
  "file|host:port": "files",
  format: configless.importFormats,
  "format=path": configless.reportFormats,
  "host:port": "free",
  "host:port:address": "free",
  id: "free",
  "i/n": "free",
  key: "files",
  kind: configless.gateways,
  n: "free",
  name: "free",
  "name|serial": "names",
  origin: "free",
  path: "files",
  place: "files",
  purpose: configless.purposes,
  reason: configless.reasons,
  role: "roles",
  san: "free",
  "seq:line": "free",
  seconds: "free",
  service: configless.ciServices,
  shell: configless.shells,
  signal: configless.signals,
  size: "free",
  source: "files",
  status: configless.statuses,
  store: "files",
  target: "free",
  template: "templates",
  text: "free",
  time: "free",
  type: configless.keyTypes,
  uri: "free",
  url: "free",
  word: "free",
  "[host:port:]name": "free",
  "[host:port:]port": "free",
};

/** Where the same placeholder means something else: the command, and the flag or argument. */
const BY_PLACE: Readonly<Record<string, Values>> = {
  "cert issue name": "names",
  "cert renew name": "names",
  "cert rotate name": "names",
  "cert needs-renewal name": "names",
  "cert issue --report": configless.rosterReports,
  "gateway --name": "names",
  "logs keygen --type": configless.logKeyTypes,
  "probe --attack": configless.attacks,
  "probe --skip": configless.attacks,
  "probe --require": configless.attacks,
};

/** @returns undefined for a placeholder that nobody has thought of */
export function valuesOf(place: string, placeholder: string): Values | undefined {
  const plain = placeholder.replace(/ ?\.\.\.$/, "");
  return own(BY_PLACE, place) ?? own(BY_PLACEHOLDER, plain);
}

function own<T>(map: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(map, key) ? map[key] : undefined;
}
