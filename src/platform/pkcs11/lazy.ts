import type { TokenSettings } from "./session.ts";
import type { Tokens } from "./tokens.ts";

/** Tokens whose code is loaded when the first key is asked for. */
export function lazyTokens(settings: TokenSettings): Tokens {
  const load = async () => (await import("./tokens.ts")).systemTokens(settings);
  return {
    open: async (uri) => (await load()).open(uri),
    generate: async (uri, type) => (await load()).generate(uri, type),
    asking: (ask) => lazyTokens({ ...settings, ask }),
  };
}
