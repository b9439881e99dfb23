-- fleetsec: asks OPA about a request, for haproxy.cfg, which names the policy's address in proc.policy.
-- `allow` is answered with 200 when the request is allowed and with 404 when it is not; `denial` then brings the
-- reasons into OPA's decision log.
local function pem(der, base64)
  local lines = base64(der):gsub(("."):rep(64), "%0\n")
  return "-----BEGIN CERTIFICATE-----\n" .. lines .. "\n-----END CERTIFICATE-----\n"
end

local function url_encoded(text)
  return (text:gsub("[^%w%-._~]", function(character) return ("%%%02X"):format(character:byte()) end))
end

-- JSON strings
local function quoted(txn, text)
  return '"' .. (txn.c:json(text or "", "utf8s") or "") .. '"'
end

-- The application roles are the OU attributes of the subject.
local function roles(txn)
  local found = {}
  for occurrence = 1, 64 do
    local role = txn.f:ssl_c_s_dn("OU", occurrence)
    if role == nil or role == "" then break end
    found[occurrence] = quoted(txn, role)
  end
  return "[" .. table.concat(found, ",") .. "]"
end

local function ask(txn, rule, question)
  local answer = core.httpclient():post({
    url = txn:get_var("proc.policy") .. rule,
    headers = { ["content-type"] = { "application/json" } },
    body = question,
    timeout = 2000,
  })
  return answer and answer.status
end

core.register_action("authorize", { "http-req" }, function(txn)
  local identity = ('{"subject":%s,"serial":%s,"roles":%s}'):format(
    quoted(txn, txn.f:ssl_c_s_dn("", 0, "rfc2253")),
    quoted(txn, txn.c:hex(txn.f:ssl_c_serial())),
    roles(txn)
  )
  local certificate = url_encoded(pem(txn.f:ssl_c_der(), function(der) return txn.c:base64(der) end))
  txn:set_var("txn.identity", identity)
  txn:set_var("txn.certificate", certificate)

  -- one event for a connection
  if txn.f:http_first_req() == 1 then
    txn:log(core.info, ('{"timestamp":"%s","service":"haproxy","event_type":"authentication","request_id":%s,"result":"success","reason":"SUCCESS","identity":%s,"remote_address":%s,"tls":%s,"server_name":%s}'):format(
      os.date("!%Y-%m-%dT%H:%M:%SZ"), quoted(txn, txn.f:unique_id()), identity, quoted(txn, txn.f:src()),
      quoted(txn, txn.f:ssl_fc_protocol()), quoted(txn, txn.f:ssl_fc_sni())
    ))
  end

  local question = ('{"request_id":%s,"method":%s,"path":%s,"cert":"%s"}'):format(
    quoted(txn, txn.f:unique_id()), quoted(txn, txn.f:method()), quoted(txn, txn.f:path()), certificate
  )
  local status = ask(txn, "allow", question)
  if status == 200 then
    txn:set_var("txn.decision", "allow")
    txn:set_var("txn.reason", "granted")
  elseif status == 404 then
    txn:set_var("txn.reason", "policy")
    ask(txn, "denial", question)
  else
    txn:set_var("txn.reason", "policy_engine_unavailable")
  end
end)
