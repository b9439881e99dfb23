# Who asks: read from the certificate that the gateway has verified, and from nothing else.
# The gateway proves that the certificate is valid; here it is only taken apart.
package fleet.identity

# Both gateways hand the certificate on as URL-encoded PEM: nginx in `cert`, as templates/nginx writes it,
# Envoy where `include_peer_certificate` puts it. Neither place can be reached by a client.
encoded := object.get(input, ["attributes", "source", "certificate"], object.get(input, "cert", ""))

certificate := certificates[0] if {
	certificates := crypto.x509.parse_certificates(urlquery.decode(encoded))
	count(certificates) == 1
}

# Upper-case hexadecimal in whole bytes, as OpenSSL, nginx and `fleetsec cert list` write it.
serial := concat("", [padding[count(digits) % 2], digits]) if {
	digits := sprintf("%X", [certificate.SerialNumber])
	padding := ["", "0"]
}

# The application roles: one OU each, written by the CA at issuance.
roles := {role | some role in certificate.Subject.OrganizationalUnit}

uris := [uri | some uri in certificate.URIStrings]

dns_names := {lower(name) | some name in certificate.DNSNames}

# SPIFFE X.509-SVID, section 2: exactly one URI.
spiffe_id := uris[0] if {
	count(uris) == 1
	startswith(uris[0], "spiffe://")
}

# The vehicle that the certificate speaks for.
vehicle := id if {
	startswith(spiffe_id, data.access.vehicle_prefix)
	id := trim_prefix(spiffe_id, data.access.vehicle_prefix)
	id != ""
	not contains(id, "/")
}

# A SPIFFE ID decides alone; without any URI, a DNS name below the trust domain does.
in_trust_domain if startswith(spiffe_id, sprintf("spiffe://%s/", [data.access.trust_domain]))

in_trust_domain if {
	count(uris) == 0
	some name in dns_names
	endswith(name, sprintf(".%s", [data.access.trust_domain]))
}

# 2 is Go's number for id-kp-clientAuth (crypto/x509, ExtKeyUsageClientAuth).
for_clients if 2 in certificate.ExtKeyUsage

trusted if {
	for_clients
	in_trust_domain
}

# Every name under which the deny list may hold this identity.
names := {lower(name) | some name in array.concat(uris, [serial, certificate.Subject.CommonName])} | dns_names

# RFC 4514: last attribute first. For people and logs; nothing is decided on it.
subject := concat(",", array.reverse([sprintf("%s=%s", [short_name(name.Type), escaped(name.Value)]) |
	some name in certificate.Subject.Names
]))

short_name(type) := object.get(short_names, type[count(type) - 1], "UNKNOWN") if array.slice(type, 0, 3) == [2, 5, 4]

else := concat(".", [format_int(arc, 10) | some arc in type])

short_names := {3: "CN", 5: "serialNumber", 6: "C", 7: "L", 8: "ST", 10: "O", 11: "OU"}

escaped(value) := regex.replace(value, `([\\",+;<>])`, `\$1`)

summary := {"subject": subject, "serial": serial, "roles": sort(roles)}
