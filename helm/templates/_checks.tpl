{{/* What cannot work is refused before it is installed, with what to do instead. */}}
{{- define "authserver.check" -}}
{{- if not .Values.issuer -}}
{{- fail "issuer is not set. It is the public name of the server, in every token: --set issuer=https://auth.example.com" -}}
{{- end -}}
{{- if not .Values.existingSecret -}}
{{- fail (printf "existingSecret is not set. Make a Secret with the keys %s, and name it: docs/deployment.md has the command." (include "authserver.secrets" . | fromYaml | values | sortAlpha | join ", ")) -}}
{{- end -}}
{{- $fleet := eq (include "authserver.isFleet" .) "true" -}}
{{- if and $fleet (eq .Values.storage.driver "sqlite") -}}
{{- fail "storage.driver sqlite serves one process: several would each have a database of their own. Set storage.driver to postgres, or replicaCount to 1 and autoscaling.enabled to false." -}}
{{- end -}}
{{- if and $fleet (eq .Values.keyStore "keyfile") (ne .Values.data.accessMode "ReadWriteMany") -}}
{{- fail (printf "Several replicas share one folder of signing keys, and a volume with accessMode %s is for one node. Set keyStore to database; or data.accessMode to ReadWriteMany, with a storageClassName or existingClaim that can do it and supports file locks; or replicaCount to 1 and autoscaling.enabled to false." .Values.data.accessMode) -}}
{{- end -}}
{{- if and .Values.autoscaling.enabled (gt (int .Values.autoscaling.minReplicas) (int .Values.autoscaling.maxReplicas)) -}}
{{- fail "autoscaling.minReplicas is more than autoscaling.maxReplicas." -}}
{{- end -}}
{{- $secrets := list "client_secret_pepper" "broker_providers" "session.secret" "admin.api_key" "storage.postgres.dsn" -}}
{{- $secrets = concat $secrets (list "signing.vault_transit.token" "signing.vault_transit.approle.secret_id") -}}
{{- $secrets = concat $secrets (list "oidc.client_secret" "connect.state_secret" "observability.metrics.basic_auth") -}}
{{- $secrets = append $secrets "data_encryption.vault_transit_encrypt.approle.secret_id" -}}
{{- range $secrets -}}
{{- if eq (include "authserver.has" (dict "in" $.Values.config "key" .)) "true" -}}
{{- fail (printf "config.%s is a secret, and values are stored in the release. Put it into the Secret %s: secretKeys has the keys that are read." . $.Values.existingSecret) -}}
{{- end -}}
{{- end -}}
{{- range list "server.issuer" "server.address" "server.shutdown_wait" "storage.driver" "storage.sqlite.path" "signing.key_path" "signing.key_store" "data_encryption.driver" "data_encryption.aes_master" "admin.address" "admin.allowed_hosts" -}}
{{- if eq (include "authserver.has" (dict "in" $.Values.config "key" .)) "true" -}}
{{- fail (printf "config.%s is set by the chart. Take it out of config; values.yaml says which value it comes from." .) -}}
{{- end -}}
{{- end -}}
{{- end -}}

{{/* "true" when the nested map `in` has the dotted `key`. */}}
{{- define "authserver.has" -}}
{{- $here := .in -}}
{{- $found := true -}}
{{- range splitList "." .key -}}
{{- if and $found (kindIs "map" $here) (hasKey $here .) -}}
{{- $here = index $here . -}}
{{- else -}}
{{- $found = false -}}
{{- end -}}
{{- end -}}
{{- if $found -}}true{{- end -}}
{{- end -}}
