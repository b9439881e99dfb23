import type { Channel, Trace } from "../exchange.ts";
import { MAX_KEPT } from "../exchange.ts";
import type { Protocol } from "../protocol.ts";

/** Means nothing in any protocol, and ends a line in all of them. */
const WORD = "fleetsec-probe";
const LINE = Buffer.from(`${WORD}\r\n`);
/** How long the first control waits for a server that may speak first. */
const GREETING = 1000;
/** And then for its reply: one that comes later is taken for silence. */
const REPLY = 3000;
/** An answer is whole when nothing follows for so long. */
const QUIET = 100;
const MAX_GATHER = 1000;
/** How long a silent service has to close after the line. */
const AFTER_LINE = 500;

/** A service of which nothing is known. */
export const rawTls: Protocol = {
  layer: "app",
  alpn: [],
  maySayNothing: true,
  speech: { in: "raw" },
  answer({ received }: Trace) {
    if (received.length === 0) return undefined;
    // a service that repeats what it reads serves whoever wrote it, whatever it says beside
    return Buffer.from(received).includes(WORD)
      ? { label: "an echo", meaning: "other", content: received, essence: Buffer.from(WORD) }
      : { label: "an answer", meaning: "other", content: received };
  },
};

/**
 * The first control finds out whether the service speaks first, replies to a line, or stays silent; every
 * later client behaves in the same way.
 */
export async function converseRaw(channel: Channel, wait: number, like: Trace | undefined): Promise<void> {
  if (like === undefined) return discover(channel);
  if (like.received.length > 0 && like.receivedUnasked === 0) await ask(channel, wait, like.received.length);
  else {
    // nothing is written to a server that speaks first, until it turns out that it does not
    await listen(channel, wait, like.received.length);
    const mayAsk = !hangsUpOnLine(like) || channel.alpn === undefined;
    if (channel.received().length === 0 && mayAsk) await ask(channel, AFTER_LINE, 1);
  }
  // whoever is told something else may be hung up on next; who is not, is met again by one who waits for that
  if (tellsSomethingElse(channel, like)) await channel.until(() => false, QUIET);
}

/**
 * A binary protocol: silent and open, until a line comes that is none of its messages. Later clients
 * spare it the line. Without TLS the line is what makes a server speak that waits for a ClientHello.
 */
export function hangsUpOnLine({ established, asked, received, end, seen }: Trace): boolean {
  const isFatal = seen.alerts.some(({ from, fatal }) => from === "server" && fatal);
  return established && asked && received.length === 0 && (end === "closed" || end === "reset") && !isFatal;
}

function tellsSomethingElse(channel: Channel, { received }: Trace): boolean {
  const told = Buffer.from(channel.received());
  const length = Math.min(told.length, received.length);
  return told.length > 0 && !told.subarray(0, length).equals(received.subarray(0, length));
}

async function discover(channel: Channel): Promise<void> {
  await listen(channel, GREETING, MAX_KEPT);
  if (channel.received().length === 0) await ask(channel, REPLY, MAX_KEPT);
}

async function ask(channel: Channel, wait: number, enough: number): Promise<void> {
  channel.write(LINE);
  await listen(channel, wait, enough);
}

/** Waits for the first bytes, then until `enough` have come or the server pauses. */
async function listen(channel: Channel, wait: number, enough: number): Promise<void> {
  const have = () => channel.received().length;
  await channel.until(() => have() > 0, wait);
  for (let waited = 0; have() > 0 && have() < enough && waited < MAX_GATHER; waited += QUIET) {
    const before = have();
    await channel.until(() => have() > before, QUIET);
    if (have() === before) return;
  }
}
