/**
 * Modules of Node that cost milliseconds to load, each loaded when it is first needed: `--help` and
 * `--version` need none of them (npm run bench:startup), and most commands and threads few.
 */
export const nodeChildProcess = () => process.getBuiltinModule("node:child_process");
export const nodeCrypto = () => process.getBuiltinModule("node:crypto");
export const nodeDns = () => process.getBuiltinModule("node:dns/promises");
export const nodeTls = () => process.getBuiltinModule("node:tls");
export const nodeUtil = () => process.getBuiltinModule("node:util");
export const nodeWorkers = () => process.getBuiltinModule("node:worker_threads");
export const nodeZlib = () => process.getBuiltinModule("node:zlib");
