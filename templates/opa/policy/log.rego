# What the decision log keeps: the identity instead of the certificate; no header, query or body.
package system.log

import data.fleet.gateway
import data.fleet.request

mask contains {"op": "upsert", "path": "/input/identity", "value": who} if {
	who := gateway.identity_summary with input as input.input
}

mask contains {"op": "upsert", "path": "/input/request_id", "value": id} if {
	id := request.id with input as input.input
}

mask contains {"op": "upsert", "path": path, "value": without_query} if {
	path := {true: "/input/attributes/request/http/path", false: "/input/path"}["attributes" in object.keys(input.input)]
	without_query := request.path with input as input.input
}

mask contains path if {
	some path in [
		"/input/cert",
		"/input/attributes/source/certificate",
		"/input/attributes/request/http/headers",
		"/input/attributes/request/http/body",
		"/input/attributes/request/http/rawBody",
		"/input/attributes/request/http/headerMap",
		"/input/attributes/request/http/query",
		"/input/parsed_body",
		"/input/parsed_query",
	]
}
