import type { Platform } from "../platform/platform.ts";
import { exchange, type Outside } from "./client.ts";
import { converse } from "./converse.ts";
import type { Call, Connect, Credentials, Trace } from "./exchange.ts";
import { pace, turnByTurn } from "./limit.ts";

/**
 * How a run makes its connections. A connection costs some milliseconds of processor time, nearly all of
 * what a run takes: they are spread over the processors. Who may connect when, what is tried and what it
 * means stays in this thread.
 */
export interface Connections {
  readonly connect: Connect;
  readonly close: () => Promise<void>;
}

/** By more than this, the thread that judges would be waited for. */
const MAX_THREADS = 4;

/**
 * @param targets to connect to: a thread takes longer to start than it saves for a single one
 * @param delay milliseconds from one connection's start to the next one's, at least: who waits needs no thread
 */
export function connections(
  targets: number,
  delay: number,
  outside: Outside & Pick<Platform, "threads">,
): Connections {
  const count = Math.min(outside.threads.available, targets, MAX_THREADS);
  if (count > 1 && delay === 0) return connectionsOn(count, outside);
  const { clock, signal } = outside;
  const here = delay === 0 ? outside : { ...outside, pace: pace(delay, clock, signal) };
  return { connect: (call) => connectHere(call, here), close: () => Promise.resolve() };
}

function connectHere({ dial, speech, wait, like, deadlines }: Call, outside: Outside): Promise<Trace> {
  return exchange(dial, (channel) => converse(speech, channel, wait, like), deadlines, outside);
}

/** What a thread is told. Its copy of an object is another one each time: numbers tell which are the same. */
interface Question {
  readonly call: Call;
  readonly identity: number;
  readonly serverCa: number;
}

function connectionsOn(
  count: number,
  { threads, signal }: Pick<Platform, "threads" | "signal">,
): Connections {
  const pool = threads.pool("connect", count);
  const numberOf = numbering();
  const end = () => void pool.close();
  signal.addEventListener("abort", end, { once: true });
  return {
    async connect(call) {
      signal.throwIfAborted();
      const { identity, serverCa } = call.dial.tls ?? {};
      const question: Question = {
        call: slim(call),
        identity: numberOf(identity),
        serverCa: numberOf(serverCa),
      };
      try {
        return (await pool.run(question)) as Trace;
      } catch (error) {
        signal.throwIfAborted();
        throw error;
      }
    },
    async close() {
      signal.removeEventListener("abort", end);
      await pool.close();
    },
  };
}

/** Without what only this thread needs. */
function slim(call: Call): Call {
  const { dial, speech, like } = call;
  const { tls } = dial;
  const identity = tls?.identity && { certificates: tls.identity.certificates, key: tls.identity.key };
  return {
    ...call,
    dial: { ...dial, tls: tls && { ...tls, identity } },
    like: speech.in === "raw" ? like : undefined,
  };
}

/** The same number for the same object; 0 for none. */
function numbering(): (object: object | undefined) => number {
  const numbers = new WeakMap<object, number>();
  let last = 0;
  return (object) => {
    if (object === undefined) return 0;
    const number = numbers.get(object) ?? (last += 1);
    numbers.set(object, number);
    return number;
  };
}

/** The other side: what a thread does, with many connections beside each other. */
export function connectTask(outside: Outside): (question: Question) => Promise<Trace> {
  const identities = new Map<number, Credentials | undefined>();
  const trusts = new Map<number, readonly string[]>();
  const inTurn = turnByTurn();
  return async ({ call, identity, serverCa }) => {
    const { dial } = call;
    const tls = dial.tls && {
      ...dial.tls,
      identity: first(identities, identity, dial.tls.identity),
      serverCa: first(trusts, serverCa, dial.tls.serverCa),
    };
    return inTurn(() => connectHere({ ...call, dial: { ...dial, tls } }, outside));
  };
}

/** The one that came first under that number: what was made from it is kept with it. */
function first<T>(known: Map<number, T>, number: number, own: T): T {
  const one = known.get(number) ?? own;
  known.set(number, one);
  return one;
}
