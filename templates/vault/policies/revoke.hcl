# For who may revoke any certificate of the mount. Written by fleetsec scaffold vault; setup.sh puts it in force.
path {{vault_mount "/revoke"}} {
  capabilities = ["update"]
}
