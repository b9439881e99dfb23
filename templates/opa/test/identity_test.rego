package fleet.identity_test

import data.fleet.certificates_test as certificates
import data.fleet.identity

access := {"trust_domain": "fleet.internal", "vehicle_prefix": "spiffe://fleet.internal/fleet-edge/"}

test_nginx_and_envoy_bring_the_same_identity if {
	every given in [{"cert": certificates.vehicle}, {"attributes": {"source": {"certificate": certificates.vehicle}}}] {
		identity.summary == {
			"subject": "CN=av-42,OU=vehicle_agent,O=example",
			"serial": "0A1B2C3D4E5F60718293A4B5C6D7E8F90A1B2C3D",
			"roles": ["vehicle_agent"],
		} with input as given
	}
}

test_a_serial_has_whole_bytes_and_a_name_is_escaped if {
	identity.summary == {
		"subject": `CN=carrier\, Inc.,OU=carrier_dispatch,OU=night_shift`,
		"serial": "FF",
		"roles": ["carrier_dispatch", "night_shift"],
	} with input.cert as certificates.carrier
}

test_an_attribute_type_is_named_or_dotted if {
	identity.short_name([2, 5, 4, 3]) == "CN"
	identity.short_name([2, 5, 4, 99]) == "UNKNOWN"
	identity.short_name([0, 9, 2342, 19200300, 100, 1, 25]) == "0.9.2342.19200300.100.1.25"
}

test_no_identity_without_exactly_one_certificate if {
	two := concat("", [certificates.vehicle, certificates.carrier])
	every given in [{}, {"cert": ""}, {"cert": "junk"}, {"cert": 7}, {"cert": two}, "text"] {
		not identity.certificate with input as given
		not identity.trusted with input as given with data.access as access
		not identity.summary with input as given
	}
}

test_headers_and_body_are_no_identity if {
	not identity.certificate with input as {"attributes": {"request": {"http": {
		"headers": {"x-forwarded-client-cert": certificates.vehicle, "x-client-cert": certificates.vehicle},
		"body": certificates.vehicle,
	}}}}
}

test_trust_domain if {
	identity.trusted with input.cert as certificates.vehicle with data.access as access
	identity.trusted with input.cert as certificates.carrier with data.access as access
	not identity.trusted with input.cert as certificates.carrier
		with data.access as {"trust_domain": "internal.example"}
	not identity.trusted with input.cert as certificates.carrier with data.access as {}
}

test_a_foreign_spiffe_id_is_not_mended_by_a_dns_name if {
	not identity.trusted with input.cert as certificates.foreign with data.access as access
}

test_a_common_name_is_no_name if {
	not identity.trusted with input.cert as certificates.unnamed with data.access as access
}

test_two_spiffe_ids_are_none if {
	not identity.trusted with input.cert as certificates.two_uris with data.access as access
	not identity.vehicle with input.cert as certificates.two_uris with data.access as access
}

test_a_server_certificate_is_no_client if {
	not identity.trusted with input.cert as certificates.server with data.access as access
}

test_vehicle if {
	identity.vehicle == "av-42" with input.cert as certificates.vehicle with data.access as access
	not identity.vehicle with input.cert as certificates.carrier with data.access as access
	not identity.vehicle with input.cert as certificates.vehicle
		with data.access as {"vehicle_prefix": "spiffe://fleet.internal/"}
	not identity.vehicle with input.cert as certificates.vehicle
		with data.access as {"vehicle_prefix": "spiffe://fleet.internal/fleet-edge/av-42"}
}
