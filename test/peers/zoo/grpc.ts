import { startGrpcServer } from "../../probe/support/grpc.ts";
import { lax, type Member, strict } from "./zoo.ts";

/** The health service of grpc-js. @param demands whether clients must have a certificate */
function health(demands: boolean): Member["start"] {
  return async (_program, { world }) => {
    const { pem, keyPem } = world.server;
    return startGrpcServer({ cert: pem, key: keyPem, ca: world.root.pem, demands });
  };
}

export const grpcs: readonly Member[] = [
  ...strict("grpc-js", "grpcs", { "`createSsl`, `checkClientCertificate`": health(true) }),
  ...lax("grpc-js", "grpcs", {
    "`createSsl` without `checkClientCertificate`": [["no-cert"], health(false)],
  }),
];
