package fleet.entry_test

import data.fleet.certificates_test as certificates
import data.fleet.envoy
import data.fleet.nginx
import data.system.authz

access := {
	"trust_domain": "fleet.internal",
	"zone": "UTC",
	"vehicle_prefix": "spiffe://fleet.internal/fleet-edge/",
	"vehicle_roles": [],
	"routes": [{"method": "GET", "path": "/healthz", "verb": "health:read"}],
	"matrix": [{"role": "carrier_dispatch"}],
}

nobody := {"identities": [], "vehicles": []}

health := {"method": "GET", "path": "/healthz", "cert": certificates.carrier}

through_envoy := {"attributes": {
	"source": {"certificate": certificates.carrier},
	"request": {"http": {"method": "GET", "path": "/healthz"}},
}}

test_nginx_gets_true_or_nothing if {
	nginx.allow with input as health with data.access as access with data.suspended as nobody
	not nginx.denial with input as health with data.access as access with data.suspended as nobody
	denied := nginx with input as object.union(health, {"path": "/"})
		with data.access as access
		with data.suspended as nobody
	object.keys(denied) == {"denial"}
	denied.denial.reason == "unknown_route"
}

test_envoy_gets_the_plugins_object if {
	allowed := envoy.decision with input as through_envoy with data.access as access with data.suspended as nobody
	allowed.allowed
	allowed.dynamic_metadata == {
		"policy_id": "fleet.gateway",
		"decision": "allow",
		"reason": "granted",
		"subject": `CN=carrier\, Inc.,OU=carrier_dispatch,OU=night_shift`,
		"serial": "FF",
		"roles": ["carrier_dispatch", "night_shift"],
	}
	denied := envoy.decision with input as {} with data.access as access with data.suspended as nobody
	not denied.allowed
	denied.http_status == 403
	denied.dynamic_metadata.decision == "deny"
	denied.dynamic_metadata.roles == []
}

test_the_api_answers_questions_only if {
	authz.allow with input as {"method": "POST", "path": ["v0", "data", "fleet", "nginx", "allow"]}
	authz.allow with input as {"method": "GET", "path": ["health"]}
	every request in [
		{"method": "PUT", "path": ["v1", "data", "suspended"]},
		{"method": "PUT", "path": ["v1", "policies", "gateway"]},
		{"method": "GET", "path": ["v1", "data", "access"]},
		{"method": "POST", "path": ["v1", "query"]},
		{"method": "PUT", "path": ["v0", "data", "fleet", "nginx", "allow"]},
		{},
	] {
		not authz.allow with input as request
	}
}
