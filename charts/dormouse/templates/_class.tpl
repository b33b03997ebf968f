{{/*
An AgentWorkspaceClass with the images, the model and what else is in defaultClass: (dict "root" $ "name" … "isDefault" … "processImages" …).

Helm looks up every kind of a release before it installs the first object, so at the first installation a class cannot be
in the same release as its own CRD. There it is a hook that runs after the CRDs are in; from the first upgrade on, when
the kind is known, it is an ordinary object of the release, and the ownership metadata of the hook lets Helm adopt it.
*/}}
{{- define "dormouse.class" -}}
{{- $ := .root }}
{{- $known := $.Capabilities.APIVersions.Has "dormouse.dev/v1alpha1/AgentWorkspaceClass" }}
apiVersion: dormouse.dev/v1alpha1
kind: AgentWorkspaceClass
metadata:
  name: {{ .name }}
  labels: {{- include "dormouse.labels" (dict "root" $ "component" "class") | nindent 4 }}
  annotations:
    # Workspaces outlive the release, and so does their class.
    helm.sh/resource-policy: keep
    {{- if not $known }}
    helm.sh/hook: post-install,post-upgrade
    meta.helm.sh/release-name: {{ $.Release.Name }}
    meta.helm.sh/release-namespace: {{ $.Release.Namespace }}
    {{- end }}
    {{- if .isDefault }}
    dormouse.dev/is-default-class: "true"
    {{- end }}
    {{- if $.Values.demoModel.enabled }}
    dormouse.dev/description: Uses the demo model, a scripted stand-in and not a language model.
    {{- end }}
spec:
  {{- with .processImages }}
  processImages: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with $.Values.defaultClass }}
  images:
    agent: {{ include "dormouse.image" (dict "root" $ "image" "agent") }}
    workspace: {{ .workspaceImage | default (include "dormouse.image" (dict "root" $ "image" "workspace")) }}
    pullPolicy: {{ $.Values.image.pullPolicy }}
    {{- with $.Values.image.pullSecrets }}
    pullSecrets: {{- toYaml . | nindent 6 }}
    {{- end }}
  {{- with .resources }}
  resources: {{- toYaml . | nindent 4 }}
  {{- end }}
  model:
    {{- if $.Values.demoModel.enabled }}
    baseUrl: http://{{ include "dormouse.demoModel" $ }}.{{ $.Release.Namespace }}.svc
    default: scripted-demo
    secretRef: {name: {{ include "dormouse.demoModel" $ }}, key: api-key}
    {{- else }}
    {{- with $.Values.model }}
    baseUrl: {{ .baseUrl }}
    default: {{ .default }}
    {{- with .allowed }}
    allowed: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if .secretRef.name }}
    secretRef: {name: {{ .secretRef.name }}, key: {{ .secretRef.key }}}
    {{- end }}
    {{- with .fallbacks }}
    fallbacks: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .prices }}
    prices: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- with .maxCostPerDay }}
    maxCostPerDay: {{ . | quote }}
    {{- end }}
    {{- end }}
    {{- end }}
  {{- with .permissions }}
  permissions: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .egress.allow }}
  egress:
    allow: {{- toYaml . | nindent 6 }}
  {{- end }}
  {{- with .ceilings }}
  ceilings: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- end }}
{{- end }}
