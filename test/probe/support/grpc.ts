import {
  type sendUnaryData,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServerWritableStream,
} from "@grpc/grpc-js";
import { atEndOfTest } from "../../support/ending.ts";

/** Messages stay bytes: what they mean is not asked. */
const bytes = {
  requestSerialize: (value: Buffer) => value,
  requestDeserialize: (value: Buffer) => value,
  responseSerialize: (value: Buffer) => value,
  responseDeserialize: (value: Buffer) => value,
};

/** grpc.health.v1.Health; a status of SERVING. */
const HEALTH = {
  Check: { path: "/grpc.health.v1.Health/Check", requestStream: false, responseStream: false, ...bytes },
  Watch: { path: "/grpc.health.v1.Health/Watch", requestStream: false, responseStream: true, ...bytes },
};
const SERVING = Buffer.of(0x08, 0x01);

export type Check = (call: ServerUnaryCall<Buffer, Buffer>, respond: sendUnaryData<Buffer>) => void;

export interface GrpcIdentity {
  readonly cert: string;
  readonly key: string;
  readonly ca: string;
  /** Whether clients must have a certificate; none is asked for otherwise. */
  readonly demands: boolean;
}

const serving: Check = (_call, respond) => respond(null, SERVING);

/** A gRPC server on loopback until the test ends, with TLS or without; gives the port. */
export async function grpcServer(
  identity: GrpcIdentity | undefined,
  check: Check = serving,
): Promise<number> {
  const { port, stop } = await startGrpcServer(identity, check);
  atEndOfTest(stop);
  return port;
}

/** The same until it is stopped. */
export async function startGrpcServer(identity: GrpcIdentity | undefined, check: Check = serving) {
  const server = new Server();
  server.addService(HEALTH, {
    Check: check,
    // an endless stream: its first message comes at once
    Watch: (call: ServerWritableStream<Buffer, Buffer>) => call.write(SERVING),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", credentialsOf(identity), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { port, stop: async () => server.forceShutdown() };
}

function credentialsOf(identity: GrpcIdentity | undefined): ServerCredentials {
  if (identity === undefined) return ServerCredentials.createInsecure();
  const { cert, key, ca, demands } = identity;
  const pair = { cert_chain: Buffer.from(cert), private_key: Buffer.from(key) };
  return ServerCredentials.createSsl(Buffer.from(ca), [pair], demands);
}
