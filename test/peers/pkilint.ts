import { execFile } from "node:child_process";
import { promisify } from "node:util";

const execute = promisify(execFile);

interface PkilintFinding {
  readonly node_path: string;
  readonly finding_descriptions: readonly { severity: string; code: string; message: string }[];
}

/** What a program of pkilint finds at warning level or above, as `code: message`. The file is the last argument. */
export async function pkilint(program: string, args: readonly string[]): Promise<string[]> {
  const read = (stdout: string) =>
    (JSON.parse(stdout) as { results: PkilintFinding[] }).results.flatMap(({ finding_descriptions: found }) =>
      found.map(({ code, message }) => `${code}: ${message}`),
    );
  try {
    return read(
      (await execute(program, [...args.slice(0, -1), "-s", "WARNING", "-f", "JSON", ...args.slice(-1)]))
        .stdout,
    );
  } catch (error) {
    // its exit status is the number of findings
    return read((error as { stdout: string }).stdout);
  }
}
