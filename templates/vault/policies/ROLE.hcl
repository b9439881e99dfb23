# For who asks for certificates of one role. Written by fleetsec scaffold vault; setup.sh puts it in force.
path {{vault_mount "/sign/" vault_role}} {
  capabilities = ["update"]
}
