package fleet.log_test

import data.fleet.certificates_test as certificates
import data.system.log

identity := {
	"subject": `CN=carrier\, Inc.,OU=carrier_dispatch,OU=night_shift`,
	"serial": "FF",
	"roles": ["carrier_dispatch", "night_shift"],
}

test_identity_takes_the_place_of_the_certificate if {
	every given in [{"cert": certificates.carrier}, {"attributes": {"source": {"certificate": certificates.carrier}}}] {
		{"op": "upsert", "path": "/input/identity", "value": identity} in log.mask with input as {"input": given}
		"/input/cert" in log.mask with input as {"input": given}
		"/input/attributes/source/certificate" in log.mask with input as {"input": given}
	}
}

test_a_query_does_not_stay if {
	{"op": "upsert", "path": "/input/path", "value": "/a"} in log.mask with input as {"input": {"path": "/a?name=x"}}
	{"op": "upsert", "path": "/input/attributes/request/http/path", "value": "/a"} in log.mask
		with input as {"input": {"attributes": {"request": {"http": {"path": "/a?name=x"}}}}}
}

test_the_gateways_request_id_stays if {
	every given in [{"request_id": "r1"}, {"attributes": {"request": {"http": {"headers": {"x-request-id": "r1"}}}}}] {
		{"op": "upsert", "path": "/input/request_id", "value": "r1"} in log.mask with input as {"input": given}
	}
}

test_headers_and_bodies_do_not_stay if {
	every part in ["headers", "headerMap", "body", "rawBody", "query"] {
		sprintf("/input/attributes/request/http/%s", [part]) in log.mask with input as {"input": {}}
	}
}
