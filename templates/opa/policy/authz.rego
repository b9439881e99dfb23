# What OPA's own API answers (opa run --server --authorization=basic): the gateways' questions and health.
# Nobody changes policy or data through it; the deny list is a file (suspended/data.yaml, opa run --watch).
package system.authz

default allow := false

allow if {
	input.method == "POST"
	input.path in questions
}

allow if {
	input.method == "GET"
	input.path == ["health"]
}

questions := {
	["v0", "data", "fleet", "nginx", "allow"],
	["v0", "data", "fleet", "nginx", "denial"],
}
