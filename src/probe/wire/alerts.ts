/** The TLS Alerts registry of IANA: RFC 8446, section 6, with the older and the later ones. */
export const alertNames: Readonly<Record<number, string>> = {
  0: "close_notify",
  10: "unexpected_message",
  20: "bad_record_mac",
  21: "decryption_failed",
  22: "record_overflow",
  30: "decompression_failure",
  40: "handshake_failure",
  41: "no_certificate",
  42: "bad_certificate",
  43: "unsupported_certificate",
  44: "certificate_revoked",
  45: "certificate_expired",
  46: "certificate_unknown",
  47: "illegal_parameter",
  48: "unknown_ca",
  49: "access_denied",
  50: "decode_error",
  51: "decrypt_error",
  52: "too_many_cids_requested",
  60: "export_restriction",
  70: "protocol_version",
  71: "insufficient_security",
  80: "internal_error",
  86: "inappropriate_fallback",
  90: "user_canceled",
  100: "no_renegotiation",
  109: "missing_extension",
  110: "unsupported_extension",
  111: "certificate_unobtainable",
  112: "unrecognized_name",
  113: "bad_certificate_status_response",
  114: "bad_certificate_hash_value",
  115: "unknown_psk_identity",
  116: "certificate_required",
  117: "general_error",
  120: "no_application_protocol",
  121: "ech_required",
};

export const CLOSE_NOTIFY = 0;
export const UNEXPECTED_MESSAGE = 10;
export const BAD_RECORD_MAC = 20;
export const RECORD_OVERFLOW = 22;
export const HANDSHAKE_FAILURE = 40;
export const BAD_CERTIFICATE = 42;
export const UNSUPPORTED_CERTIFICATE = 43;
export const ILLEGAL_PARAMETER = 47;
export const DECODE_ERROR = 50;
export const DECRYPT_ERROR = 51;
export const PROTOCOL_VERSION = 70;
export const INSUFFICIENT_SECURITY = 71;
export const INTERNAL_ERROR = 80;
export const USER_CANCELED = 90;
export const NO_RENEGOTIATION = 100;
export const MISSING_EXTENSION = 109;
export const UNSUPPORTED_EXTENSION = 110;
export const UNRECOGNIZED_NAME = 112;
export const UNKNOWN_PSK_IDENTITY = 115;
const CERTIFICATE_REQUIRED = 116;
const GENERAL_ERROR = 117;

export function alertName(description: number): string {
  return alertNames[description] ?? `${description}, which is not registered`;
}

/** Of RFC 6066, sections 5 and 8: about a certificate's address, its status and its hash, as Envoy says of one that is not pinned. */
const ABOUT_CERTIFICATES = new Set([111, 113, 114]);

/** Whether an alert says that the client did not authenticate itself (`probe` decision rule). */
export function refusesClient(description: number): boolean {
  return (
    (description >= 40 && description <= 46) ||
    description === 48 ||
    description === 49 ||
    description === 51 ||
    ABOUT_CERTIFICATES.has(description) ||
    description === CERTIFICATE_REQUIRED
  );
}

/** Whether an alert gives no reason, on purpose or for want of one: it says no more than a close. */
export function givesNoReason(description: number): boolean {
  return description === INTERNAL_ERROR || description === GENERAL_ERROR;
}

/** Whether an alert is how a server refuses a flight that breaks the protocol (`probe` decision rule). */
export function refusesFlight(description: number): boolean {
  const refusals = [UNEXPECTED_MESSAGE, BAD_RECORD_MAC, ILLEGAL_PARAMETER, DECODE_ERROR];
  return refusesClient(description) || refusals.includes(description);
}
