# What Envoy asks through the plugin (image openpolicyagent/opa:*-envoy): the object form of a result.
# Envoy's access log takes the metadata.
package fleet.envoy

import data.fleet.gateway

decision := {
	"allowed": gateway.allow,
	"http_status": 403,
	"dynamic_metadata": {
		"policy_id": gateway.decision.policy_id,
		"decision": word[gateway.allow],
		"reason": gateway.decision.reason,
		"subject": object.get(gateway.decision.identity, "subject", ""),
		"serial": object.get(gateway.decision.identity, "serial", ""),
		"roles": object.get(gateway.decision.identity, "roles", []),
	},
}

word := {true: "allow", false: "deny"}
