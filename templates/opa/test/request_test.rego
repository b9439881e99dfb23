package fleet.request_test

import data.fleet.certificates_test as certificates
import data.fleet.request

access := {
	"vehicle_prefix": "spiffe://fleet.internal/fleet-edge/",
	"routes": [
		{"method": "POST", "path": "/v1/{region}/tenders", "verb": "tender:create"},
		{"method": "GET", "path": "/v1/{region}/tenders/{id}", "verb": "tender:read"},
		{"method": "GET", "path": "/v1/{region}/tenders/all", "verb": "tender:list"},
		{"method": "GET", "path": "/v1/{region}/vehicles/{vehicle}", "verb": "vehicle:read"},
	],
}

test_nginx_and_envoy_bring_the_same_request if {
	every given in [
		{"method": "GET", "path": "/v1/eu/vehicles/av-1?a=b", "request_id": "r1"},
		{"attributes": {"request": {"http": {
			"method": "GET",
			"path": "/v1/eu/vehicles/av-1?a=b",
			"headers": {"x-request-id": "r1"},
		}}}},
	] {
		request.verb == "vehicle:read" with input as given with data.access as access
		request.region == "eu" with input as given with data.access as access
		request.vehicles == {"av-1"} with input as given with data.access as access
		request.id == "r1" with input as given
	}
}

test_no_verb_for_what_no_route_describes if {
	every given in [
		{"method": "DELETE", "path": "/v1/eu/tenders"},
		{"method": "post", "path": "/v1/eu/tenders"},
		{"method": "POST", "path": "/v1/eu/tenders/"},
		{"method": "POST", "path": "//v1/eu/tenders"},
		{"method": "POST", "path": "/V1/eu/tenders"},
		{"method": "POST", "path": "/v1/e%75/tenders"},
		{"method": "POST", "path": "/v1/eu%75/tenders"},
		{"method": "POST", "path": "/v1/eu;a/tenders"},
		{"method": "POST", "path": sprintf("/v1/%0129d/tenders", [1])},
		{"method": "POST", "path": "/v1/../tenders"},
		{"method": "POST", "path": "/v1/{region}/tenders"},
		{"method": "POST", "path": "/v1//tenders"},
		{"method": "POST", "path": ""},
		{"method": "GET", "path": "/v1/eu/tenders/all"},
		{},
	] {
		not request.verb with input as given with data.access as access
	}
	longest := {"method": "POST", "path": sprintf("/v1/%0128d/tenders", [1])}
	request.verb == "tender:create" with input as longest with data.access as access
	request.verb == "tender:create" with input as {"method": "POST", "path": "/v1/eu/tenders"}
		with data.access as access
}

test_the_sender_is_one_of_the_vehicles if {
	request.vehicles == {"av-1", "av-42"} with data.access as access
		with input as {"method": "GET", "path": "/v1/eu/vehicles/av-1", "cert": certificates.vehicle}
}
