{{/*
What the operator may do in a namespace that it looks after. It reads the specs of ModelDeployments and writes their
status; it makes and removes the children. It reads no Secret, and it deletes no pod.
*/}}
{{- define "serin.rules" -}}
- apiGroups: [serin.dev]
  resources: [modeldeployments]
  verbs: [get, list, watch]
- apiGroups: [serin.dev]
  resources: [modeldeployments/status]
  verbs: [update]
# Children name their ModelDeployment as an owner that waits for them; some clusters ask for this right then.
- apiGroups: [serin.dev]
  resources: [modeldeployments/finalizers]
  verbs: [update]
- apiGroups: [apps]
  resources: [deployments, controllerrevisions]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [apps]
  resources: [deployments/scale]
  verbs: [patch]
- apiGroups: [""]
  resources: [services]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [batch]
  resources: [jobs]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [policy]
  resources: [poddisruptionbudgets]
  verbs: [get, list, watch, create, patch, delete]
{{- if and .Values.networkPolicy.enabled .Values.networkPolicy.metricsFrom }}
# Who reaches a collector of predictions.
- apiGroups: [networking.k8s.io]
  resources: [networkpolicies]
  verbs: [get, list, watch, create, patch, delete]
{{- end }}
# The keys that sign feedback are made, and never read: create is not get.
- apiGroups: [""]
  resources: [secrets]
  verbs: [create]
- apiGroups: [""]
  resources: [pods]
  verbs: [get, list, watch]
# Which pods requests go to.
- apiGroups: [discovery.k8s.io]
  resources: [endpointslices]
  verbs: [get, list, watch]
# The route of a ModelDeployment with spec.traffic; those of others are listed to see whether one is in the way.
- apiGroups: [gateway.networking.k8s.io]
  resources: [httproutes]
  verbs: [get, list, watch, create, patch, delete]
- apiGroups: [gateway.networking.k8s.io]
  resources: [grpcroutes]
  verbs: [list]
- apiGroups: [gateway.networking.k8s.io]
  resources: [gateways]
  verbs: [get]
# Why a Job has no pod (a quota, a webhook), or a pod no container (a missing Secret), stands in their Events only.
- apiGroups: [""]
  resources: [events]
  verbs: [list]
# Whether an autoscaler aims at a child: asked only where somebody else has scaled one.
- apiGroups: [autoscaling]
  resources: [horizontalpodautoscalers]
  verbs: [list]
- apiGroups: [events.k8s.io]
  resources: [events]
  verbs: [create, patch]
{{- end }}

{{/*
What a Gateway can do stands in its class, which belongs to no namespace.
*/}}
{{- define "serin.classRules" -}}
- apiGroups: [gateway.networking.k8s.io]
  resources: [gatewayclasses]
  verbs: [get]
{{- end }}
