import { execFile } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

/**
 * Go's TLS server with one check left out: what the wire attacks are for. The edits are made here, at
 * test time, in copies of the installed toolchain's own files; `go build -overlay` puts them in place.
 */
export const mutants = [
  "skip-certificate",
  "skip-verify",
  "any-signature",
  "any-finished",
  "any-order",
  "data-in-handshake",
  "data-in-new-keys",
  "data-of-nobody",
] as const;
export type Mutant = (typeof mutants)[number];

/** One more: in TLS 1.3 it greets before the client has said who it is, so that every attack is told the greeting. */
export const SPEAKS_EARLY = "speaks-early";

/** The variable by which the built server chooses its mutant; without it, it is as it should be. */
export const MUTANT_VARIABLE = "FLEETSEC_TLS_MUTANT";

interface Edit {
  readonly file: "conn.go" | "handshake_server.go" | "handshake_server_tls13.go";
  /** Stands in the file exactly once. */
  readonly find: string;
  readonly replace: string;
}

const peek = (comparison: "==" | "!=") => (type: string, then: string) =>
  `if err := c.readHandshakeBytes(4); err != nil {
		return err
	}
	if c.hand.Bytes()[0] ${comparison} ${type} {
		${then}
	}
`;
const peekIsNot = peek("!=");
const peekIs = peek("==");
/** The next message, unread but for the transcript. */
const READ = `if _, err := c.readHandshake(hs.transcript); err != nil {
		return err
	}`;

const BEFORE_CERTIFICATE_13 =
  "\tmsg, err := c.readHandshake(hs.transcript)\n\tif err != nil {\n\t\treturn err\n\t}\n\n\tcertMsg, ok := msg.(*certificateMsgTLS13)";
const BEFORE_FINISHED_13 = "\t// finishedMsg is not included in the transcript.\n";
const BEFORE_FINISHED_12 =
  "\tmsg, err := c.readHandshake(nil)\n\tif err != nil {\n\t\treturn err\n\t}\n\tclientFinished, ok := msg.(*finishedMsg)";

/** Go for the keys of application data, before their time. */
const NEW_KEYS =
  "func() { c.in.setTrafficSecret(hs.suite, QUICEncryptionLevelApplication, hs.trafficSecret) }";
/** Ends the handshake where data comes next. @param keys Go for a function that takes other keys into use, or nil */
const orData = (keys: string) =>
  `if isData, err := c.readsData(${keys}); isData || err != nil {
		return err
	}
`;

/** What the mutants that serve data before Finished have in common. */
const takingData: readonly Edit[] = [
  {
    file: "conn.go",
    find: "type Conn struct {\n",
    replace: "$&\ttakesData bool\n\totherKeys func()\n",
  },
  {
    file: "conn.go",
    find: "\tdata, typ, err := c.in.decrypt(record)\n",
    replace: `\tcopied := append([]byte(nil), record...)
$&	if err != nil && c.otherKeys != nil {
		c.otherKeys()
		c.takesData = true
		data, typ, err = c.in.decrypt(copied)
	}
`,
  },
  {
    file: "conn.go",
    find: "if c.in.cipher == nil && typ == recordTypeApplicationData {",
    replace: "if c.in.cipher == nil && typ == recordTypeApplicationData && !c.takesData {",
  },
  {
    file: "conn.go",
    find: "\tcase recordTypeApplicationData:\n\t\tif !handshakeComplete",
    replace: `\tcase recordTypeApplicationData:
		if c.takesData {
			c.input.Reset(data)
			return errData
		}
		if !handshakeComplete`,
  },
];

/** A new file of crypto/tls. */
const mutantGo = `package tls

import (
	"errors"
	"os"
)

var mutant = os.Getenv("${MUTANT_VARIABLE}")

var errData = errors.New("application data")

// Whether the next record is data and not the handshake's: the application will read it.
// With other keys, it must be under those.
func (c *Conn) readsData(otherKeys func()) (bool, error) {
	c.takesData, c.otherKeys = otherKeys == nil, otherKeys
	err := c.readHandshakeBytes(4)
	c.takesData, c.otherKeys = false, nil
	if err == errData {
		return true, nil
	}
	return false, err
}
`;

const edits: Readonly<Record<Mutant | typeof SPEAKS_EARLY, readonly Edit[]>> = {
  "skip-certificate": [
    {
      file: "handshake_server_tls13.go",
      find: BEFORE_CERTIFICATE_13,
      replace: `\tif mutant == "skip-certificate" {\n\t${peekIsNot("typeCertificate", "return hs.sendSessionTickets()")}\t}\n$&`,
    },
    {
      file: "handshake_server.go",
      find: "// certificate message, even if it's empty.\n\tif c.config.ClientAuth >= RequestClientCert {",
      replace:
        '_, certificateSent := msg.(*certificateMsg)\n\tif (certificateSent || (mutant != "skip-certificate" && mutant != "data-of-nobody")) && c.config.ClientAuth >= RequestClientCert {',
    },
  ],
  "skip-verify": [
    {
      file: "handshake_server_tls13.go",
      find: "\tif len(certMsg.certificate.Certificate) != 0 {",
      replace: `\tif mutant == "skip-verify" {\n\t${peekIsNot("typeCertificateVerify", "return hs.sendSessionTickets()")}\t}\n$&`,
    },
    {
      file: "handshake_server.go",
      find: "\tif len(c.peerCertificates) > 0 {\n\t\t// certificateVerifyMsg is included",
      replace:
        '\tif mutant == "skip-verify" && c.hand.Len() == 0 {\n\t\tif err := c.readFromUntil(c.conn, recordHeaderLen); err != nil {\n\t\t\treturn err\n\t\t}\n\t\tif recordType(c.rawInput.Bytes()[0]) != recordTypeHandshake {\n\t\t\ths.finishedHash.discardHandshakeBuffer()\n\t\t\treturn nil\n\t\t}\n\t}\n$&',
    },
  ],
  "any-signature": [
    {
      file: "handshake_server_tls13.go",
      find: "sigHash, signed, certVerify.signature); err != nil {",
      replace: 'sigHash, signed, certVerify.signature); err != nil && mutant != "any-signature" {',
    },
    {
      file: "handshake_server.go",
      find: "hs.finishedHash.buffer, certVerify.signature); err != nil {",
      replace: 'hs.finishedHash.buffer, certVerify.signature); err != nil && mutant != "any-signature" {',
    },
  ],
  // TLS 1.3: a CertificateVerify after no Certificate or an empty one, and two Certificates
  "any-order": [
    {
      file: "handshake_server_tls13.go",
      find: BEFORE_CERTIFICATE_13,
      replace: `\tif mutant == "any-order" {
		${peekIs("typeCertificateVerify", `${READ}\n\t\treturn hs.sendSessionTickets()`)}\t}
$&`,
    },
    {
      file: "handshake_server_tls13.go",
      find: "\tif len(certMsg.certificate.Certificate) != 0 {",
      replace: `\tif mutant == "any-order" {
		${peekIs("typeCertificate", `${READ}\n\t\t${READ}\n\t\treturn hs.sendSessionTickets()`)}
		if len(certMsg.certificate.Certificate) == 0 {
			${peekIs("typeCertificateVerify", `${READ}\n\t\treturn hs.sendSessionTickets()`)}
			c.sendAlert(alertCertificateRequired)
			return errors.New("tls: no certificate")
		}
	}
$&`,
    },
    {
      file: "handshake_server.go",
      find: "\tif len(certs) == 0 && requiresClientCert(c.config.ClientAuth) {",
      replace:
        '\tif len(certs) == 0 && requiresClientCert(c.config.ClientAuth) && !(mutant == "any-order" && c.vers == VersionTLS13) {',
    },
  ],
  // what comes in place of Finished, once the client has shown who it is, is served: under the keys in use
  "data-in-handshake": [
    {
      file: "handshake_server_tls13.go",
      find: BEFORE_FINISHED_13,
      replace: `\tif mutant == "data-in-handshake" {\n\t${orData("nil")}\t}\n$&`,
    },
    {
      file: "handshake_server.go",
      find: "\tif err := c.readChangeCipherSpec(); err != nil {\n\t\treturn err\n\t}\n",
      replace: `\tc.takesData = mutant == "data-in-handshake"
	err := c.readChangeCipherSpec()
	c.takesData = false
	if err == errData {
		return nil
	}
	if err != nil {
		return err
	}
`,
    },
  ],
  // the same, under the new keys
  "data-in-new-keys": [
    {
      file: "handshake_server_tls13.go",
      find: BEFORE_FINISHED_13,
      replace: `\tif mutant == "data-in-new-keys" {\n\t${orData(NEW_KEYS)}\t}\n$&`,
    },
    {
      file: "handshake_server.go",
      find: BEFORE_FINISHED_12,
      replace: `\tif mutant == "data-in-new-keys" {\n\t${orData("nil")}\t}\n$&`,
    },
  ],
  // and in place of the Certificate as well
  "data-of-nobody": [
    {
      file: "handshake_server_tls13.go",
      find: BEFORE_CERTIFICATE_13,
      replace: `\tif mutant == "data-of-nobody" {\n\t${orData(NEW_KEYS)}\t}\n$&`,
    },
    {
      file: "handshake_server_tls13.go",
      find: BEFORE_FINISHED_13,
      replace: "\tif c.input.Len() > 0 {\n\t\treturn nil\n\t}\n$&",
    },
    // TLS 1.2: see skip-certificate, which goes on with Finished as well
    {
      file: "handshake_server.go",
      find: BEFORE_FINISHED_12,
      replace: `\tif mutant == "data-of-nobody" && len(c.peerCertificates) == 0 {
		${orData("nil")}\t\tc.sendAlert(alertUnexpectedMessage)
		return errors.New("tls: nobody's Finished")
	}
$&`,
    },
  ],
  [SPEAKS_EARLY]: [
    {
      file: "handshake_server_tls13.go",
      find: "\tc.setWriteTrafficSecret(hs.suite, QUICEncryptionLevelApplication, serverSecret)\n",
      replace: `$&\tif mutant == "${SPEAKS_EARLY}" {
		c.out.Lock()
		_, err := c.writeRecordLocked(recordTypeApplicationData, []byte("welcome to the fleet\\n"))
		c.out.Unlock()
		if err != nil {
			return err
		}
	}
`,
    },
  ],
  "any-finished": [
    {
      file: "handshake_server_tls13.go",
      find: "if !hmac.Equal(hs.clientFinished, finished.verifyData) {",
      replace: 'if !hmac.Equal(hs.clientFinished, finished.verifyData) && mutant != "any-finished" {',
    },
    {
      file: "handshake_server.go",
      find: "\tverify := hs.finishedHash.clientSum(hs.masterSecret)\n\tif len(verify) != len(clientFinished.verifyData)",
      replace:
        '\tverify := hs.finishedHash.clientSum(hs.masterSecret)\n\tif mutant == "any-finished" {\n\t\tverify = clientFinished.verifyData\n\t}\n\tif len(verify) != len(clientFinished.verifyData)',
    },
  ],
};

/** Sessions were taken over whatever CA the listener trusts, until Go verified their chains anew. */
const beforeCve202568121: readonly Edit[] = (
  ["handshake_server_tls13.go", "handshake_server.go"] as const
).map((file) => ({
  file,
  find: "!anyValidVerifiedChain(sessionState.verifiedChains, opts) {",
  replace: "len(sessionState.verifiedChains) == 0 && $&",
}));

const run = promisify(execFile);
const sourceOf = (server: string) => fileURLToPath(new URL(`go/${server}/main.go`, import.meta.url));

/** Builds the server as it is. @returns the program's path */
export function buildServer(go: string, directory: string): Promise<string> {
  return build(go, directory, "tlsserver", sourceOf("tlsserver"), []);
}

/** Builds the server with every mutant in it. @throws Error where the toolchain's source has changed */
export async function buildMutants(go: string, directory: string): Promise<string> {
  const all = [...takingData, ...Object.values(edits).flat()];
  const options = await overlay(go, directory, all, { "mutant.go": mutantGo });
  return build(go, directory, "tlsserver-mutants", sourceOf("tlsserver"), options);
}

/** Builds the web server as Go was before CVE-2025-68121. @throws Error where the toolchain's source has changed */
export async function buildBeforeCve202568121(go: string, directory: string): Promise<string> {
  const options = await overlay(go, directory, beforeCve202568121, {});
  return build(go, directory, "authserver-before", sourceOf("authserver"), options);
}

/** @returns the options with which the toolchain uses edited copies of its own files, and new ones beside them */
async function overlay(
  go: string,
  directory: string,
  all: readonly Edit[],
  added: Readonly<Record<string, string>>,
): Promise<readonly string[]> {
  const { stdout } = await run(go, ["env", "GOROOT"]);
  const folder = join(stdout.trim(), "src", "crypto", "tls");
  const copies = join(directory, "crypto-tls");
  mkdirSync(copies, { recursive: true });
  const changed = new Map<string, string>(Object.entries(added));
  for (const { file, find, replace } of all) {
    const text = changed.get(file) ?? readFileSync(join(folder, file), "utf8");
    changed.set(file, edited(text, find, replace.replace("$&", find), file));
  }
  const places: Record<string, string> = {};
  for (const [file, text] of changed) {
    writeFileSync(join(copies, file), text);
    places[join(folder, file)] = join(copies, file);
  }
  const plan = join(directory, "overlay.json");
  writeFileSync(plan, JSON.stringify({ Replace: places }));
  return ["-overlay", plan];
}

function edited(text: string, find: string, replace: string, file: string): string {
  const parts = text.split(find);
  if (parts.length !== 2) {
    throw new Error(`crypto/tls/${file} of this Go has ${parts.length - 1} places to edit, not 1:\n${find}`);
  }
  return parts.join(replace);
}

async function build(
  go: string,
  directory: string,
  name: string,
  source: string,
  options: readonly string[],
): Promise<string> {
  const program = join(directory, name);
  const env = { ...process.env, GO111MODULE: "off", CGO_ENABLED: "0" };
  await run(go, ["build", ...options, "-o", program, source], { env });
  return program;
}
