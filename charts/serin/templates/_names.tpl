{{/* Name of everything that belongs to the operator. */}}
{{- define "serin.name" -}}
{{ printf "%s-operator" .Release.Name | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* ClusterRoles are everybody's, so that releases of the same name in two namespaces do not collide. */}}
{{- define "serin.aggregated" -}}
{{ printf "%s-%s" .Release.Namespace .Release.Name | trunc 58 | trimSuffix "-" }}
{{- end }}

{{/* What selects the operator's pods; never changes, Deployments refuse that. */}}
{{- define "serin.selector" -}}
app.kubernetes.io/name: serin-operator
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "serin.labels" -}}
{{ include "serin.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: serin
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Labels of what sweeps a store: never those that select the operator's pods. */}}
{{- define "serin.sweepLabels" -}}
app.kubernetes.io/name: serin-sweep
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: serin
{{- end }}

{{/* Of the page for everybody: never those that select the operator's pods. */}}
{{- define "serin.uiSelector" -}}
app.kubernetes.io/name: serin-ui
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "serin.uiLabels" -}}
{{ include "serin.uiSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: serin
{{- end }}

{{/* Of who keeps reports: likewise. */}}
{{- define "serin.reportsSelector" -}}
app.kubernetes.io/name: serin-reports
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "serin.reportsLabels" -}}
{{ include "serin.reportsSelector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: serin
{{- end }}

{{/* Labels of what writes new versions by itself: likewise. */}}
{{- define "serin.bumpLabels" -}}
app.kubernetes.io/name: serin-bump
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
app.kubernetes.io/part-of: serin
{{- end }}

{{- define "serin.serviceAccount" -}}
{{- if .Values.serviceAccount.create -}}
{{ .Values.serviceAccount.name | default (include "serin.name" .) }}
{{- else -}}
{{ .Values.serviceAccount.name | default "default" }}
{{- end -}}
{{- end }}

{{/* The listed namespaces that are there, as JSON. Without an API server to ask, as in helm template, that is all of them. */}}
{{- define "serin.presentNamespaces" -}}
{{- $asks := and .Values.rbac.skipMissingNamespaces (lookup "v1" "Namespace" "" .Release.Namespace) -}}
{{- $there := list -}}
{{- range .Values.namespaces -}}
{{- if or (not $asks) (lookup "v1" "Namespace" "" .) -}}
{{- $there = append $there . -}}
{{- end -}}
{{- end -}}
{{- toJson $there -}}
{{- end }}

{{- define "serin.image" -}}
{{ .image.repository }}:{{ .image.tag | default .chart.AppVersion }}
{{- end }}

{{/* Channels of notices as the operator takes them; what is secret stays in their Secrets. */}}
{{- define "serin.notify" -}}
{{- $channels := list -}}
{{- range .Values.notify.channels -}}
{{- $channels = append $channels (omit . "existingSecret") -}}
{{- end -}}
{{- dict "cluster" .Values.notify.cluster "channels" $channels "defaults" .Values.notify.defaults "folder" "/etc/serin/notify" | toJson -}}
{{- end }}

{{/* A pod and a container that the restricted pod security standard admits. */}}
{{- define "serin.podSecurity" -}}
runAsNonRoot: true
{{- if ne (.Values.podUser | default "Fixed") "Cluster" }}
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
{{- end }}
seccompProfile:
  type: RuntimeDefault
{{- end }}

{{- define "serin.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}
