import { resolve } from "node:path";
import type { Define } from "../command.ts";
import { openIssuer } from "../issuer.ts";
import { requirePki } from "../pki-project.ts";
import { checkWritable } from "../reports.ts";
import { shown } from "./output.ts";

export const define: Define = (command, bind) => {
  command.option("--out <file>", "write it there instead").action(
    bind(async (cli, flags: { readonly out?: string }) => {
      const project = requirePki(cli);
      const { files, cwd } = cli.platform;
      const file = flags.out === undefined ? undefined : resolve(cwd, flags.out);
      if (file !== undefined) checkWritable(cli.platform, file, "the bundle");
      const issuer = await openIssuer(cli, project);
      const { summarize } = await import("../../pki/describe-ca.ts");
      const { encodePem } = await import("../../pki/pem.ts");
      const { anchorsOf } = await import("../../pki/issuers/issuer.ts");
      const roots = anchorsOf(issuer).map((root) => ({
        ...summarize(root),
        pem: encodePem("CERTIFICATE", root.der),
      }));
      const bundle = roots.map(({ pem }) => pem).join("");
      if (file !== undefined) files.write(file, bundle);
      cli.output.result(
        { schema: "fleetsec.ca-bundle/v1", certificates: roots, ...(file === undefined ? {} : { file }) },
        () =>
          file === undefined ? bundle : `${roots.length} trusted CA certificates in ${shown(cli, file)}`,
      );
      return 0;
    }),
  );
};
