{{- define "authserver.name" -}}
{{- if contains .Chart.Name .Release.Name -}}
{{- .Release.Name | trunc 50 | trimSuffix "-" -}}
{{- else -}}
{{- printf "%s-%s" .Release.Name .Chart.Name | trunc 50 | trimSuffix "-" -}}
{{- end -}}
{{- end -}}

{{- define "authserver.selector" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end -}}

{{- define "authserver.labels" -}}
{{ include "authserver.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end -}}

{{- define "authserver.image" -}}
{{- if .Values.image.digest -}}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest -}}
{{- else -}}
{{- printf "%s:%s" .Values.image.repository (default .Chart.AppVersion .Values.image.tag) -}}
{{- end -}}
{{- end -}}

{{- define "authserver.claim" -}}
{{- default (printf "%s-data" (include "authserver.name" .)) .Values.data.existingClaim -}}
{{- end -}}

{{/* "true" when there may be more than one replica. */}}
{{- define "authserver.isFleet" -}}
{{- if or .Values.autoscaling.enabled (gt (int .Values.replicaCount) 1) -}}true{{- end -}}
{{- end -}}

{{/* "true" when something is kept on a volume: key files, or the database. */}}
{{- define "authserver.hasVolume" -}}
{{- if or (eq .Values.keyStore "keyfile") (eq .Values.storage.driver "sqlite") -}}true{{- end -}}
{{- end -}}

{{/* "true" when an old and a new replica may run at the same time. */}}
{{- define "authserver.canOverlap" -}}
{{- $shared := or (not (include "authserver.hasVolume" .)) (eq .Values.data.accessMode "ReadWriteMany") -}}
{{- if and (eq .Values.storage.driver "postgres") $shared -}}true{{- end -}}
{{- end -}}

{{/* The configuration file. What must not be in .Values.config has been refused by then. */}}
{{- define "authserver.config" -}}
{{- $name := include "authserver.name" . -}}
{{- $service := printf "%s-admin" $name -}}
{{- $names := list $service (printf "%s.%s" $service .Release.Namespace) (printf "%s.%s.svc" $service .Release.Namespace) -}}
{{- $names = append $names (printf "%s.%s.svc.cluster.local" $service .Release.Namespace) -}}
{{- $set := dict
  "server" (dict "issuer" .Values.issuer "address" ":9000" "shutdown_wait" (printf "%ds" (int .Values.shutdown.waitSeconds)))
  "admin" (dict "address" ":9001" "allowed_hosts" (concat $names .Values.admin.allowedHosts))
-}}
{{- if eq .Values.keyStore "database" -}}
{{- $master := dict "key_env" "AUTHSERVER_MASTER_KEY" -}}
{{- if .Values.secretKeys.oldMasterKey -}}
{{- $_ := set $master "old_key_env" "AUTHSERVER_OLD_MASTER_KEY" -}}
{{- end -}}
{{- $_ := set $set "signing" (dict "key_store" "database") -}}
{{- $_ := set $set "data_encryption" (dict "driver" "aes_master" "aes_master" $master) -}}
{{- else -}}
{{- $_ := set $set "signing" (dict "key_store" "keyfile" "key_path" "/var/lib/authserver/keys") -}}
{{- end -}}
{{- if eq .Values.storage.driver "sqlite" -}}
{{- $_ := set $set "storage" (dict "driver" "sqlite" "sqlite" (dict "path" "/var/lib/authserver/authserver.db")) -}}
{{- else -}}
{{- $_ := set $set "storage" (dict "driver" "postgres") -}}
{{- end -}}
{{- mustMergeOverwrite (deepCopy .Values.config) $set | toYaml -}}
{{- end -}}

{{/* Which variable comes from which key of the Secret. */}}
{{- define "authserver.secrets" -}}
AUTHPLANE_SESSION_SECRET: {{ .Values.secretKeys.sessionSecret }}
AUTHPLANE_ADMIN_API_KEY: {{ .Values.secretKeys.adminApiKey }}
{{- if eq .Values.storage.driver "postgres" }}
AUTHPLANE_STORAGE_POSTGRES_DSN: {{ .Values.secretKeys.postgresDsn }}
{{- end }}
{{- if eq .Values.keyStore "database" }}
AUTHSERVER_MASTER_KEY: {{ .Values.secretKeys.masterKey }}
{{- with .Values.secretKeys.oldMasterKey }}
AUTHSERVER_OLD_MASTER_KEY: {{ . }}
{{- end }}
{{- end }}
{{- with .Values.secretKeys.clientSecretPepper }}
AUTHPLANE_CLIENT_SECRET_PEPPER: {{ . }}
{{- end }}
{{- with .Values.secretKeys.metricsBasicAuth }}
AUTHPLANE_OBSERVABILITY_METRICS_BASIC_AUTH: {{ . }}
{{- end }}
{{- end -}}

{{/* The variables: where the file is, and the secrets, by reference. */}}
{{- define "authserver.env" -}}
- name: AUTHPLANE_CONFIG
  value: /etc/authserver/config.yaml
{{- range $variable, $key := include "authserver.secrets" . | fromYaml }}
- name: {{ $variable }}
  valueFrom:
    secretKeyRef:
      name: {{ $.Values.existingSecret }}
      key: {{ $key }}
{{- end }}
{{- end -}}

{{- define "authserver.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
# Always would open the key files to the group at each start, and the server refuses such files.
fsGroupChangePolicy: OnRootMismatch
seccompProfile:
  type: RuntimeDefault
{{- end -}}

{{- define "authserver.containerSecurity" -}}
allowPrivilegeEscalation: false
privileged: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end -}}
