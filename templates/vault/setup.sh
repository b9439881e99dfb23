#!/bin/sh
# A root, an issuing CA below it, a role and a policy for each role, in Vault or OpenBao.
# Written by fleetsec scaffold vault. Checked against OpenBao 2.7. Run it once, in this directory:
#
#   BAO_ADDR=https://… BAO_TOKEN=… sh setup.sh
#   BAO=vault VAULT_ADDR=https://… VAULT_TOKEN=… sh setup.sh
#
# It leaves root.pem here: name it as pki.trust_anchor in fleetsec.yaml, with pki.issuer: vault.
set -eu
bao=${BAO:-bao}
mount={{vault_mount}}
root={{vault_root_mount}}

# The root signs the issuing CA and nothing else. Better still: keep it outside, and have it sign issuing.csr.
"$bao" secrets enable -path="$root" -max-lease-ttl={{root_ttl}} pki
"$bao" write -field=certificate "$root/root/generate/internal" \
  common_name={{organization " Root CA"}} organization={{organization}} \
  key_type={{ca_key_type}} key_bits={{ca_key_bits}} ttl={{root_ttl}} max_path_length=1 >root.pem
"$bao" write "$root/config/crl" expiry={{crl_ttl}} auto_rebuild=true >/dev/null

# The issuing CA, which may issue below these domains only.
"$bao" secrets enable -path="$mount" -max-lease-ttl={{issuing_ttl}} pki
"$bao" write -field=csr "$mount/intermediate/generate/internal" \
  common_name={{organization " Issuing CA"}} organization={{organization}} \
  key_type={{ca_key_type}} key_bits={{ca_key_bits}} >issuing.csr
"$bao" write -field=certificate "$root/root/sign-intermediate" csr=@issuing.csr \
  common_name={{organization " Issuing CA"}} organization={{organization}} ttl={{issuing_ttl}} max_path_length=0 \
{{#permitted_domains}}
  permitted_dns_domains={{.}} \
{{/permitted_domains}}
  >issuing.pem
"$bao" write "$mount/intermediate/set-signed" certificate=@issuing.pem >/dev/null
"$bao" write "$mount/config/crl" expiry={{crl_ttl}} auto_rebuild=false >/dev/null
{{#crl_url}}
"$bao" write "$mount/config/urls" crl_distribution_points={{.}} >/dev/null
{{/crl_url}}
{{#ocsp_url}}
"$bao" write "$mount/config/urls" ocsp_servers={{.}} >/dev/null
{{/ocsp_url}}

# What may be issued, and who may ask for it. A login is made by, for instance:
#   bao auth enable approle
#   bao write auth/approle/role/fleet-edge token_policies=fleetsec-fleet-edge,fleetsec-revoke token_ttl=1h
# fleetsec-revoke lets a login revoke certificates; leave it out for one that only issues.
{{#roles}}
"$bao" write "$mount/roles/"{{vault_role}} @roles/{{name}}.json >/dev/null
"$bao" policy write {{"fleetsec-" name}} policies/{{name}}.hcl
{{/roles}}
"$bao" policy write fleetsec-revoke policies/revoke.hcl
