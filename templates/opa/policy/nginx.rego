# What nginx asks. POST /v0/data/fleet/nginx/allow answers 200 when allowed and 404 when undefined, and
# auth_request goes by the status alone: so `allow` is true or undefined, never false.
# After a 404, nginx asks for `denial`, which brings the reasons into the decision log.
package fleet.nginx

import data.fleet.gateway

allow if gateway.allow

denial := gateway.decision if not gateway.allow
