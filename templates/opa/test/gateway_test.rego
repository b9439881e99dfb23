package fleet.gateway_test

import data.fleet.certificates_test as certificates
import data.fleet.gateway

access := {
	"trust_domain": "fleet.internal",
	"zone": "Europe/Berlin",
	"vehicle_prefix": "spiffe://fleet.internal/fleet-edge/",
	"vehicle_roles": ["vehicle_agent"],
	"routes": [
		{"method": "GET", "path": "/healthz", "verb": "health:read"},
		{"method": "POST", "path": "/v1/{region}/tenders", "verb": "tender:create"},
		{"method": "POST", "path": "/v1/{region}/vehicles/{vehicle}/telemetry", "verb": "telemetry:write"},
	],
	"matrix": [
		{"role": "vehicle_agent", "verbs": ["telemetry:write", "health:read"]},
		{"role": "carrier_dispatch", "verbs": ["tender:create"], "regions": ["eu"], "hours": [6, 22], "days": ["mon", "tue"]},
	],
}

nobody := {"identities": [], "vehicles": []}

# Monday, 2026-07-06, 12:00 in Berlin
noon := time.parse_rfc3339_ns("2026-07-06T12:00:00+02:00")

tender := {"method": "POST", "path": "/v1/eu/tenders", "cert": certificates.carrier}

telemetry := {"method": "POST", "path": "/v1/eu/vehicles/av-42/telemetry", "cert": certificates.vehicle}

# The reason, which is "granted" exactly when it is allowed.
outcome(given, rules, deny_list, at) := decision.reason if {
	decision := gateway.decision with input as given
		with data.access as rules
		with data.suspended as deny_list
		with time.now_ns as at
	decision.allow == grants(decision.reason)
}

grants(reason) := reason == "granted"

test_granted if {
	outcome(tender, access, nobody, noon) == "granted"
	outcome(telemetry, access, nobody, noon) == "granted"
}

test_identity if {
	outcome(object.union(tender, {"cert": ""}), access, nobody, noon) == "no_identity"
	outcome(object.union(tender, {"cert": certificates.foreign}), access, nobody, noon) == "unknown_trust_domain"
	outcome(object.union(tender, {"cert": certificates.server}), access, nobody, noon) == "not_a_client_certificate"
}

test_route_and_verb if {
	outcome(object.union(tender, {"path": "/v1/eu/other"}), access, nobody, noon) == "unknown_route"
	outcome(object.union(tender, {"path": "/healthz"}), access, nobody, noon) == "unknown_route"
	health := object.union(tender, {"method": "GET", "path": "/healthz"})
	outcome(health, access, nobody, noon) == "region,verb"
	gateway.decision.verb == "health:read" with input as health with data.access as access
}

test_role if {
	outcome(tender, object.union(access, {"matrix": []}), nobody, noon) == "no_role"
	outcome(tender, object.union(access, {"matrix": [{"role": "other"}]}), nobody, noon) == "no_role"
}

test_region if {
	outcome(object.union(tender, {"path": "/v1/us/tenders"}), access, nobody, noon) == "region"
	rows := object.union(access, {"matrix": [{"role": "carrier_dispatch", "regions": []}]})
	outcome(tender, rows, nobody, noon) == "region"
}

test_a_row_with_nothing_but_a_role_grants_every_route_and_no_other if {
	rows := object.union(access, {"matrix": [{"role": "carrier_dispatch"}]})
	outcome(tender, rows, nobody, noon) == "granted"
	outcome(object.union(tender, {"path": "/else"}), rows, nobody, noon) == "unknown_route"
}

test_hours_and_days if {
	every at, expected in {
		"2026-07-06T05:59:59+02:00": "hours",
		"2026-07-06T06:00:00+02:00": "granted",
		"2026-07-06T21:59:59+02:00": "granted",
		"2026-07-06T22:00:00+02:00": "hours",
		"2026-07-06T20:30:00Z": "hours",
		"2026-07-08T12:00:00+02:00": "hours",
		"2026-01-05T05:00:00Z": "granted",
		"2026-01-05T04:59:59Z": "hours",
	} {
		outcome(tender, access, nobody, time.parse_rfc3339_ns(at)) == expected
	}
}

test_hours_past_midnight if {
	night := object.union(access, {"matrix": [{"role": "carrier_dispatch", "hours": [22, 6]}]})
	every at, expected in {
		"2026-07-06T22:00:00+02:00": "granted",
		"2026-07-06T05:59:59+02:00": "granted",
		"2026-07-06T06:00:00+02:00": "hours",
		"2026-07-06T21:59:59+02:00": "hours",
	} {
		outcome(tender, night, nobody, time.parse_rfc3339_ns(at)) == expected
	}
}

test_an_unknown_zone_is_never_open if {
	outcome(tender, object.union(access, {"zone": "Mars/Olympus"}), nobody, noon) == "hours"
}

test_suspended if {
	every name in ["ff", "FF", "Carrier.fleet.internal", "carrier, Inc."] {
		outcome(tender, access, {"identities": [name], "vehicles": []}, noon) == "suspended"
	}
	id := "spiffe://fleet.internal/fleet-edge/av-42"
	outcome(telemetry, access, {"identities": [id], "vehicles": []}, noon) == "suspended"
	outcome(telemetry, access, {"identities": [], "vehicles": ["AV-42"]}, noon) == "suspended"
	outcome(telemetry, access, {"identities": ["ff"], "vehicles": ["av-4"]}, noon) == "granted"
}

test_a_lost_deny_list_denies if {
	every deny_list in [{}, {"identities": []}, {"vehicles": []}, {"identities": {}, "vehicles": []}, null] {
		outcome(tender, access, deny_list, noon) == "suspended"
	}
}

test_a_vehicle_acts_for_itself_alone if {
	other := object.union(telemetry, {"path": "/v1/eu/vehicles/av-43/telemetry"})
	outcome(other, access, nobody, noon) == "other_vehicle"
	outcome({"method": "GET", "path": "/healthz", "cert": certificates.vehicle}, access, nobody, noon) == "granted"
	nameless := object.union(access, {"vehicle_prefix": "spiffe://fleet.internal/other/"})
	outcome(telemetry, nameless, nobody, noon) == "other_vehicle"
	health := {"method": "GET", "path": "/healthz", "cert": certificates.vehicle}
	outcome(health, nameless, nobody, noon) == "other_vehicle"
	outcome(telemetry, object.remove(access, ["vehicle_roles"]), nobody, noon) == "other_vehicle"
}

test_the_parts_of_two_rows_are_no_grant if {
	split := object.union(access, {"matrix": [
		{"role": "carrier_dispatch", "verbs": ["tender:create"], "regions": ["us"]},
		{"role": "carrier_dispatch", "verbs": ["health:read"], "regions": ["eu"]},
	]})
	outcome(tender, split, nobody, noon) == "no_grant"
}

test_nothing_is_allowed_by_default if {
	not gateway.allow
	gateway.decision.identity == {}
	gateway.decision.verb == "unknown"
}
