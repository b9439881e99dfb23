/**
 * Modules of Node that cost milliseconds to load, each loaded when it is first needed: `--help` and
 * `--version` need none of them (npm run bench:startup).
 */
export const nodeChildProcess = () => process.getBuiltinModule("node:child_process");
export const nodeCrypto = () => process.getBuiltinModule("node:crypto");
export const nodeTls = () => process.getBuiltinModule("node:tls");
export const nodeZlib = () => process.getBuiltinModule("node:zlib");
