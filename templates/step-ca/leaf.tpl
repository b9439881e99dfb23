{{- /* What step-ca makes of a request. Written by fleetsec scaffold step-ca; the variables are each provisioner's templateData. */ -}}
{{- range .SANs }}
{{- if not (regexMatch $.allowedNames (printf "%s:%s" .Type .Value)) }}{{ fail (printf "this role does not allow %s:%s" .Type .Value) }}{{ end }}
{{- end }}
{
  "subject": {
    "organization": {{ toJson .organization }},
    "organizationalUnit": {{ toJson .applicationRoles }},
    "commonName": {{ toJson .Subject.CommonName }}
  },
  "sans": {{ toJson .SANs }},
  "basicConstraints": {"isCA": false, "maxPathLen": 0},
  "keyUsage": ["digitalSignature"],
  "extKeyUsage": {{ toJson .usages }},
  "crlDistributionPoints": {{ toJson .crlUrls }},
  "ocspServer": {{ toJson .ocspUrls }}
}
