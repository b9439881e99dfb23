# Who may do what through the gateway, and when. Default deny; roles, verbs, regions and hours are data.
package fleet.gateway

import data.fleet.identity
import data.fleet.request

policy_id := "fleet.gateway"

default allow := false

allow if {
	identity.trusted
	unsuspended
	some role in identity.roles
	acts_for_itself(role)
	some row in data.access.matrix
	row.role == role
	grants(row)
	open(row)
}

# --- a row of the matrix: a key that is absent restricts nothing

grants(row) if {
	covers(row, "verbs", request.verb)
	grants_region(row)
}

grants_region(row) if not row.regions

grants_region(row) if request.region in row.regions

covers(row, key, _) if not row[key]

covers(row, key, value) if value in row[key]

open(row) if {
	covers(row, "days", today)
	open_hours(row)
}

open_hours(row) if not row.hours

# from <= t < to, in the local time of data.access.zone; past midnight when from > to
open_hours(row) if {
	[from, to] := row.hours
	from <= to
	hour >= from
	hour < to
}

open_hours(row) if {
	[from, to] := row.hours
	from > to
	hour >= from
}

open_hours(row) if {
	[from, to] := row.hours
	from > to
	hour < to
}

# The clock is this machine's, never the request's.
moment := [time.now_ns(), data.access.zone]

hour := time.clock(moment)[0]

today := lower(substring(time.weekday(moment), 0, 3))

# --- a role that speaks for one vehicle may not act on another

acts_for_itself(role) if {
	is_array(data.access.vehicle_roles)
	not role in data.access.vehicle_roles
}

acts_for_itself(role) if {
	role in data.access.vehicle_roles
	identity.vehicle
	every vehicle in request.vehicles {
		vehicle == identity.vehicle
	}
}

# --- the deny list: both lists must be there, so that a lost file denies

unsuspended if {
	is_array(data.suspended.identities)
	is_array(data.suspended.vehicles)
	count(suspended_identities) == 0
	count(suspended_vehicles) == 0
}

suspended_identities := {name | some name in data.suspended.identities; lower(name) in identity.names}

suspended_vehicles := {vehicle |
	some vehicle in data.suspended.vehicles
	some one in request.vehicles
	lower(vehicle) == lower(one)
}

# --- reasons: explain a denial, decide nothing

decision := {
	"allow": allow,
	"policy_id": policy_id,
	"reason": concat(",", sort(reasons)),
	"identity": identity_summary,
	"verb": verb,
}

default verb := "unknown"

verb := request.verb

default identity_summary := {}

identity_summary := identity.summary

reasons contains "granted" if allow

reasons contains reason if {
	not allow
	some reason in denials
}

# Every check passed on its own, yet no row of the matrix passes them all.
reasons contains "no_grant" if {
	not allow
	count(denials) == 0
}

denials contains "no_identity" if not identity.certificate

denials contains "not_a_client_certificate" if {
	identity.certificate
	not identity.for_clients
}

denials contains "unknown_trust_domain" if {
	identity.certificate
	not identity.in_trust_domain
}

denials contains "suspended" if {
	identity.certificate
	not unsuspended
}

denials contains "unknown_route" if not request.route

denials contains "no_role" if {
	identity.certificate
	count(rows) == 0
}

denials contains "other_vehicle" if {
	some row in rows
	not acts_for_itself(row.role)
}

denials contains "verb" if {
	request.route
	count(rows) > 0
	every row in rows {
		not covers(row, "verbs", request.verb)
	}
}

denials contains "region" if {
	request.route
	count(rows) > 0
	every row in rows {
		not grants_region(row)
	}
}

denials contains "hours" if {
	count(rows) > 0
	every row in rows {
		not open(row)
	}
}

# The rows that the certificate's roles bring.
rows := [row | some row in data.access.matrix; row.role in identity.roles]
