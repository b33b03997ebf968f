{{/* The prefix of every name: the release's name, which usually is "dormouse" already. */}}
{{- define "dormouse.name" -}}
{{- if contains "dormouse" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}
{{- else }}{{ printf "%s-dormouse" .Release.Name | trunc 40 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{/* Labels of every object: (dict "root" $ "component" "operator"). */}}
{{- define "dormouse.labels" -}}
helm.sh/chart: {{ printf "%s-%s" .root.Chart.Name .root.Chart.Version | replace "+" "_" }}
app.kubernetes.io/version: {{ .root.Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .root.Release.Service }}
app.kubernetes.io/part-of: dormouse
{{ include "dormouse.selector" . }}
{{- end }}

{{/* The labels that select the pods of a component; they never change. */}}
{{- define "dormouse.selector" -}}
app.kubernetes.io/name: dormouse
app.kubernetes.io/instance: {{ .root.Release.Name }}
app.kubernetes.io/component: {{ .component }}
{{- end }}

{{/* An image: (dict "root" $ "image" "operator"). */}}
{{- define "dormouse.image" -}}
{{- with .root.Values.image -}}
{{ .registry | trimSuffix "/" }}/{{ $.image }}:{{ .tag | default $.root.Chart.AppVersion }}
{{- end }}
{{- end }}

{{/* The Secret with the master key. */}}
{{- define "dormouse.masterKeySecret" -}}
{{ .Values.masterKey.existingSecret | default (printf "%s-master-key" (include "dormouse.name" .)) }}
{{- end }}

{{- define "dormouse.demoModel" -}}
{{ include "dormouse.name" . }}-demo-model
{{- end }}

{{/* Pods that pass the Pod Security Standard "restricted". */}}
{{- define "dormouse.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}
{{- define "dormouse.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}
