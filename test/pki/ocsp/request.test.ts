import { createHash, randomBytes } from "node:crypto";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { formatSerial } from "../../../src/pki/certificate.ts";
import {
  boolean,
  constructed,
  integer,
  nullValue,
  octetString,
  oid,
  primitive,
  sequence,
} from "../../../src/pki/der/write.ts";
import { extension } from "../../../src/pki/extensions.ts";
import { oids } from "../../../src/pki/oids.ts";
import { MAX_CERT_IDS, MAX_REQUEST, parseOcspRequest } from "../../../src/pki/ocsp/request.ts";
import { encodeRequest, requestExtensions } from "../../support/ocsp.ts";
import { unlessRefused } from "../../support/refusal.ts";

const hash = createHash("sha1").update("issuer").digest();
const certId = (serial: Uint8Array, algorithm: string = oids.sha1) =>
  sequence(sequence(oid(algorithm), nullValue()), octetString(hash), octetString(hash), integer(serial));
const id = certId(Uint8Array.of(0x12, 0x34));
const list = sequence(sequence(id));
const failsWithInput = expect.objectContaining({ code: "input" }) as Error;

test("what is asked reads back", () => {
  const serials = fc.uint8Array({ minLength: 1, maxLength: 20 });
  fc.assert(
    fc.property(
      fc.array(serials, { minLength: 1, maxLength: MAX_CERT_IDS }),
      fc.option(fc.uint8Array({ minLength: 1, maxLength: 128 }), { nil: undefined }),
      fc.constantFrom(oids.sha1, oids.sha256, oids.sha512),
      (asked, nonce, algorithm) => {
        const ids = asked.map((serial) => certId(serial, algorithm));
        const request = parseOcspRequest(encodeRequest(ids, nonce));
        expect(request.certIds.map(({ serial }) => serial)).toEqual(asked.map(formatSerial));
        expect(request.certIds.map(({ der }) => Buffer.from(der))).toEqual(
          ids.map((der) => Buffer.from(der)),
        );
        expect(new Set(request.certIds.map(({ hashAlgorithm }) => hashAlgorithm))).toEqual(
          new Set([algorithm]),
        );
        expect(request.nonce).toEqual(nonce === undefined ? undefined : octetString(nonce));
      },
    ),
    { numRuns: 50 },
  );
});

test("a changed byte, a cut or random bytes give a request or a refusal, and nothing else", () => {
  const valid = encodeRequest([id, id], randomBytes(16));
  fc.assert(
    fc.property(fc.nat(valid.length - 1), fc.nat(255), (at, byte) => {
      unlessRefused(() => parseOcspRequest(Uint8Array.from(valid).with(at, byte)));
      expect(() => parseOcspRequest(valid.subarray(0, at))).toThrow(failsWithInput);
    }),
  );
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      unlessRefused(() => parseOcspRequest(bytes));
    }),
  );
});

describe("is understood:", () => {
  test.each([
    ["the version written out", sequence(sequence(constructed(0, integer(0)), list))],
    [
      "a requestor and a signature",
      sequence(sequence(constructed(1, constructed(4, sequence())), list), constructed(0, sequence())),
    ],
    [
      "extensions that are not critical",
      sequence(sequence(list, requestExtensions(extension("1.2.3", false, nullValue())))),
    ],
    [
      "extensions of a single request",
      sequence(
        sequence(sequence(sequence(id, constructed(0, sequence(extension("1.2.3", false, nullValue())))))),
      ),
    ],
    [
      "a hash without parameters",
      encodeRequest([
        sequence(sequence(oid(oids.sha1)), octetString(hash), octetString(hash), integer(4660)),
      ]),
    ],
  ])("%s", (_, der) => {
    expect(parseOcspRequest(der).certIds).toMatchObject([{ serial: "1234" }]);
  });
});

describe("is refused:", () => {
  const nonce = (bytes: number) => extension(oids.ocspNonce, false, octetString(new Uint8Array(bytes)));
  test.each([
    ["nothing", new Uint8Array(0)],
    ["an empty list", encodeRequest([])],
    ["too many certificates", encodeRequest(Array.from({ length: MAX_CERT_IDS + 1 }, () => id))],
    ["too many bytes", sequence(sequence(list), constructed(0, new Uint8Array(MAX_REQUEST)))],
    ["another version", sequence(sequence(constructed(0, integer(1)), list))],
    ["a byte after it", Buffer.concat([encodeRequest([id]), Buffer.of(0)])],
    ["an empty nonce", sequence(sequence(list, requestExtensions(nonce(0))))],
    ["a nonce of 129 octets", sequence(sequence(list, requestExtensions(nonce(129))))],
    [
      "a nonce without its OCTET STRING",
      sequence(sequence(list, requestExtensions(extension(oids.ocspNonce, false, new Uint8Array(16))))),
    ],
    ["two nonces", sequence(sequence(list, requestExtensions(nonce(16), nonce(16))))],
    [
      "a critical extension",
      sequence(sequence(list, requestExtensions(extension("1.2.3", true, nullValue())))),
    ],
    [
      "a critical extension of a single request",
      sequence(
        sequence(sequence(sequence(id, constructed(0, sequence(extension("1.2.3", true, nullValue())))))),
      ),
    ],
    ["empty extensions", sequence(sequence(list, requestExtensions()))],
    ["an entry that is no request", sequence(sequence(sequence(boolean(true))))],
    [
      "a serial number that is none",
      sequence(
        sequence(
          sequence(
            sequence(
              sequence(sequence(oid(oids.sha1)), octetString(hash), octetString(hash), primitive(2, hash)),
            ),
          ),
        ),
      ),
    ],
  ])("%s", (_, der) => {
    expect(() => parseOcspRequest(der)).toThrow(failsWithInput);
  });
});
