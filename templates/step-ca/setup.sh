#!/bin/sh
# A root and an issuing CA for step-ca, with openssl 3. Written by fleetsec scaffold step-ca.
# Checked against step-ca 0.30. Run it once, in this directory, then start the CA:
#
#   sh setup.sh
#   step-ca ca.json --password-file password
#
# Take root-key.pem away afterwards: it is needed again only to sign another issuing CA.
# Name root.pem as pki.trust_anchor in fleetsec.yaml, with pki.issuer: step-ca.
set -eu
umask 077
[ ! -e root.pem ] || { echo "root.pem is here already" >&2; exit 1; }
[ -s password ] || openssl rand -base64 32 >password
key() { openssl genpkey -algorithm {{openssl_algorithm}}{{#openssl_option}} -pkeyopt {{.}}{{/openssl_option}} -aes-256-cbc -pass file:password -out "$1"; }

key root-key.pem
openssl req -new -key root-key.pem -passin file:password -subj {{"/O=" organization "/CN=" organization " Root CA"}} -out root.csr
openssl x509 -req -in root.csr -key root-key.pem -passin file:password -days {{root_days}} \
  -extfile issuing.cnf -extensions root -out root.pem

key issuing-key.pem
openssl req -new -key issuing-key.pem -passin file:password -subj {{"/O=" organization "/CN=" organization " Issuing CA"}} -out issuing.csr
openssl x509 -req -in issuing.csr -CA root.pem -CAkey root-key.pem -passin file:password -days {{issuing_days}} \
  -set_serial "0x$(openssl rand -hex 19)" -extfile issuing.cnf -extensions issuing -out issuing.pem
rm root.csr issuing.csr
chmod 644 root.pem issuing.pem
