import type { Define } from "./command.ts";
import { define as bundle } from "./ca/bundle.ts";
import { define as crl } from "./ca/crl.ts";
import { define as init } from "./ca/init.ts";
import { define as ocsp } from "./ca/ocsp.ts";
import { define as rotate } from "./ca/rotate.ts";
import { define as show } from "./ca/show.ts";

export const define: Define = (command, bind) => {
  init(command.command("init").description("make a root and an issuing CA"), bind);
  show(command.command("show").description("describe the CA, its CRL and what it has issued"), bind);
  bundle(command.command("bundle").description("print the roots that are to be trusted"), bind);
  crl(command.command("crl").description("make new CRLs and print them"), bind);
  rotate(
    command.command("rotate").description("replace the root in three phases, or the issuing CA in one"),
    bind,
  );
  ocsp(command.command("ocsp").description("answer OCSP requests about the CA's certificates"), bind);
};
