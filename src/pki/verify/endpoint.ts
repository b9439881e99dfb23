import { isIP } from "node:net";
import { FleetsecError } from "../../errors.ts";
import type { Address, TLSSocket } from "../../platform/network.ts";
import type { Platform } from "../../platform/platform.ts";

export interface Endpoint {
  readonly host: string;
  readonly port: number;
  /** Milliseconds for the whole of it. */
  readonly timeout: number;
}

/** What a server showed of itself. Nothing of it was verified. */
export interface Presented {
  /** The address that answered. */
  readonly address: string;
  /** `TLSv1.3`; `null` where the handshake broke off after the certificates, for want of a client's. */
  readonly tls: string | null;
  /** DER, the server's own first. */
  readonly chain: readonly Uint8Array[];
}

type Outside = Pick<Platform, "network" | "clock" | "signal">;

/**
 * Connects to a TLS server and takes the certificates that it presents, trusting none.
 * @throws FleetsecError `unreachable` where there are none to be had in time
 */
export async function presentedBy(endpoint: Endpoint, outside: Outside): Promise<Presented> {
  const { host, port, timeout } = endpoint;
  const deadline = new AbortController();
  const late = new FleetsecError("unreachable", `${host}:${port} did not answer within ${timeout / 1000} s`, {
    hint: "is it a TLS server, and is the way to it open?",
  });
  const stop = AbortSignal.any([deadline.signal, outside.signal]);
  const timer = outside.clock.sleep(timeout, stop).then(
    () => deadline.abort(late),
    () => {},
  );
  try {
    return await firstAnswer(endpoint, outside, stop);
  } finally {
    deadline.abort(late);
    await timer;
  }
}

/** Tries each address of the host in turn. */
async function firstAnswer(endpoint: Endpoint, { network }: Outside, stop: AbortSignal): Promise<Presented> {
  const addresses = await network.lookup(endpoint.host);
  let failure: unknown = new FleetsecError("unreachable", `${endpoint.host} has no address`);
  for (const address of addresses) {
    if (stop.aborted) break;
    try {
      return await answerOf(address, endpoint, network, stop);
    } catch (error) {
      failure = error;
    }
  }
  throw stop.aborted ? stop.reason : failure;
}

function answerOf(
  { address }: Address,
  { host, port }: Endpoint,
  network: Outside["network"],
  stop: AbortSignal,
): Promise<Presented> {
  return new Promise((resolve, reject) => {
    const tcp = network.connect(address, port);
    const fail = (why: string, cause?: unknown) =>
      reject(
        new FleetsecError("unreachable", `${host}:${port} (${address}) ${why}`, {
          hint: "is it a TLS server, and does it run?",
          cause,
        }),
      );
    // Old protocols and ciphers are no obstacle: what is looked at is not trusted.
    const tls = network.startTls({
      socket: tcp,
      ...(isIP(host) === 0 ? { servername: host } : {}),
      rejectUnauthorized: false,
      ca: [],
      minVersion: "TLSv1",
      ciphers: "ALL:@SECLEVEL=0",
    });
    const end = () => {
      stop.removeEventListener("abort", abort);
      tls.destroy();
      tcp.destroy();
    };
    const abort = () => {
      end();
      reject(stop.reason);
    };
    const take = (protocol: string | null): boolean => {
      const chain = chainOf(tls);
      if (chain.length > 0) resolve({ address, tls: protocol, chain });
      return chain.length > 0;
    };
    stop.addEventListener("abort", abort, { once: true });
    tcp.once("error", (error) => {
      end();
      fail(troubleOf(error), error);
    });
    tls.once("secureConnect", () => {
      if (!take(tls.getProtocol())) fail("presents no certificate");
      end();
    });
    tls.once("error", (error) => {
      // up to TLS 1.2 a server that demands a certificate breaks off here, after it has shown its own
      if (!take(null)) fail(troubleOf(error), error);
      end();
    });
    tls.once("close", () => {
      fail("closed the connection");
      end();
    });
  });
}

/** The TLS stream reports what befalls the connection below it, too. */
function troubleOf({ code = "no handshake" }: NodeJS.ErrnoException): string {
  if (code === "ECONNREFUSED") return "refused the connection";
  if (code === "ECONNRESET" || code === "EPIPE") return "closed the connection";
  return code.startsWith("ERR_SSL") ? `does not speak TLS: ${code}` : `cannot be reached: ${code}`;
}

/** A chain has a few certificates; a server may send what it likes. */
const MAX_CHAIN = 20;

function chainOf(tls: TLSSocket): Uint8Array[] {
  const chain: Uint8Array[] = [];
  let next = tls.getPeerCertificate(true);
  // without a certificate it is an empty object, whatever its type says
  while (chain.length < MAX_CHAIN && (next as Partial<typeof next> | null)?.raw !== undefined) {
    chain.push(next.raw);
    if (next.issuerCertificate === next) break;
    next = next.issuerCertificate;
  }
  return chain;
}
