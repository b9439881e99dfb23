import { define as inspect } from "./cert/inspect.ts";
import { define as issue } from "./cert/issue.ts";
import { define as list } from "./cert/list.ts";
import { define as needsRenewal } from "./cert/needs-renewal.ts";
import { define as renew } from "./cert/renew.ts";
import { define as revoke } from "./cert/revoke.ts";
import { define as rotate } from "./cert/rotate.ts";
import { define as sign } from "./cert/sign.ts";
import { define as verify } from "./cert/verify.ts";
import type { Define } from "./command.ts";

export const define: Define = (command, bind) => {
  issue(command.command("issue").description("issue a certificate with a new key"), bind);
  sign(
    command.command("sign").description("issue a certificate for a CSR, whose key stays where it is"),
    bind,
  );
  renew(command.command("renew").description("renew a certificate when it is due"), bind);
  rotate(
    command
      .command("rotate")
      .description("renew what is due, reload its service, and prove that it serves the new certificate"),
    bind,
  );
  needsRenewal(
    command
      .command("needs-renewal")
      .description("exit 1 when a certificate is due, 0 when not, 2 when there is none"),
    bind,
  );
  revoke(command.command("revoke").description("revoke certificates and publish the CRL"), bind);
  list(command.command("list").description("list every certificate that was issued"), bind);
  inspect(
    command.command("inspect").description("show what a file or a TLS server holds, trusting nothing"),
    bind,
  );
  verify(
    command.command("verify").description("judge certificates by RFC 5280, with the path to a trusted root"),
    bind,
  );
};
