# What is asked for: the method and the path, mapped to a verb by data.access.routes.
# Headers, query and body say nothing here: a client writes them.
package fleet.request

import data.fleet.identity

method := object.get(input, ["attributes", "request", "http", "method"], object.get(input, "method", ""))

# Undecoded, as the upstream gets it; the gateways refuse paths that have a second reading.
path := split(target, "?")[0]

target := object.get(input, ["attributes", "request", "http", "path"], object.get(input, "path", ""))

# Both gateways make it up themselves and overwrite a client's.
id := object.get(input, ["attributes", "request", "http", "headers", "x-request-id"], object.get(input, "request_id", ""))

segments := split(path, "/")

# A path that fits two routes fits none: its verb would be a matter of opinion.
matching := [route |
	some route in data.access.routes
	route.method == method
	pattern := split(route.path, "/")
	count(pattern) == count(segments)
	every i, part in pattern {
		fits(part, segments[i])
	}
]

route := matching[0] if count(matching) == 1

fits(part, segment) if {
	not is_parameter(part)
	part == segment
}

fits(part, segment) if {
	is_parameter(part)
	regex.match(`^[A-Za-z0-9][A-Za-z0-9._~:@-]{0,127}$`, segment)
}

is_parameter(part) if regex.match(`^\{[a-z_]+\}$`, part)

parameters := {trim(part, "{}"): segments[i] |
	some i, part in split(route.path, "/")
	is_parameter(part)
}

verb := route.verb

region := parameters.region

# The vehicles that the request is about: the one that it names, and the one that sends it.
vehicles := {vehicle | some vehicle in [parameters.vehicle]} | {vehicle | some vehicle in [identity.vehicle]}
