"""What a schema cannot say, as CEL rules; each tells the way out.

All rules stand at or below ``spec``, the rule for the name alone at the root: a write of status runs the rules of the
whole object, so a rule that is tightened here must never block a status. CEL is preferred over ``pattern`` because a
pattern can only show itself. Errors of type stop CEL; there the API server names the field, and that is all it can do.
"""

from typing import Final

from serin_operator.api.guard import GUARD_RULES
from serin_operator.api.kinds.registry import KIND_RULES
from serin_operator.api.names import MAX_NAME_LENGTH
from serin_operator.api.optimize import OPTIMIZE_RULES
from serin_operator.api.overlay_rules import OVERLAY_RULES
from serin_operator.api.prediction_log import PREDICTION_LOG_RULES
from serin_operator.api.preflight_rules import PREFLIGHT_RULES
from serin_operator.api.rollout_rules import ROLLOUT_RULES
from serin_operator.api.rule import Rule, object_key, object_name
from serin_operator.api.runtime_rules import RUNTIME_RULES
from serin_operator.api.serving_rules import SERVING_RULES
from serin_operator.api.store import STORE_RULES
from serin_operator.api.traffic_rules import TRAFFIC_RULES
from serin_operator.api.uris import COMES_ALONE
from serin_operator.api.variables import said_twice

_NAME: Final = "a-z, 0-9 and -, beginning with a letter, ending with a letter or digit"
_NAME_RULE: Final = Rule(
    "",
    f"self.metadata.name.size() <= {MAX_NAME_LENGTH} && self.metadata.name.matches('^[a-z]([-a-z0-9]*[a-z0-9])?$')",
    f"metadata.name: use {_NAME}, at most {MAX_NAME_LENGTH} characters: Services and pods are named after it.",
    f"'metadata.name ' + self.metadata.name + ': use {_NAME}, at most {MAX_NAME_LENGTH} characters;"
    " Services and pods are named after it'",
)

_MODEL: Final = (
    Rule(
        "spec.model.version",
        "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
        "Use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit, for example 2026-11-20.",
    ),
    Rule(
        "spec.model.uri",
        "self.matches('^(https?|pvc|file|s3|gs|az|hf|(oci|mlflow)([+]http)?)://')",
        "Begin with s3://, gs://, az://, oci://, hf://, mlflow://, https://, http://, pvc:// or file://. A model"
        " elsewhere: copy it to a claim (pvc://claim/path) or serve it over https.",
        "(self.contains('://') ? 'Serin does not read ' + self.split('://')[0] + '://' : 'the scheme is missing')"
        " + '; begin with https://, s3://, gs://, az://, oci://, hf://, mlflow://, pvc:// or file:// (a model elsewhere:"
        " copy it to a claim, pvc://claim/path, or serve it over https)'",
    ),
    Rule(
        "spec.model.uri",
        r"!self.matches('[\\s\\x00-\\x1f\\x7f#]|(^|/)[.][.](/|$)')",
        "No spaces, no '#' and no '..': write the path as it is, a space in a URL as %20.",
    ),
    Rule(
        "spec.model.uri",
        "!self.startsWith('file:') || self.matches('^file:///[^/]')",
        "After file:// comes an absolute path inside the serving image: file:///models/credit.onnx.",
    ),
    Rule(
        "spec.model.uri",
        "!self.startsWith('pvc:') || self.matches('^pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?/[^/]')",
        "Write pvc://claim/path: the name of a PersistentVolumeClaim in this namespace, then the path inside it.",
    ),
    Rule(
        "spec.model.uri",
        "!self.matches('^https?://[^/]*@')",
        "Credentials do not belong into a URL, which everybody can read: take them out and name a Secret with the"
        " header in spec.model.headerSecret.",
    ),
    Rule(
        "spec.model.uri",
        "!self.matches('^https?:') || (isURL(self) && self.matches('^https?://[^/?]+/[^?]'))",
        "Write https://host/path: a host, then the path of the model's file.",
    ),
    Rule(
        "spec.model.uri",
        "!self.matches('^(s3|gs|az):') || self.matches('^(s3|gs|az)://[A-Za-z0-9$][-A-Za-z0-9._]*(/[^?]*)?$')",
        "Write s3://bucket/path, gs://bucket/path or az://container/path: the key of the model, or of its folder. Keys and"
        " addresses of the store go into the Secret of spec.model.credentials.",
    ),
    Rule(
        "spec.model.uri",
        "!self.matches('^oci([+]http)?:') || self.matches('^oci([+]http)?://[A-Za-z0-9.-]+(:[0-9]+)?/[a-z0-9]+([._/-]+"
        "[a-z0-9]+)*(:[A-Za-z0-9_][-A-Za-z0-9._]*)?(@sha256:[0-9a-f]{64})?$')",
        "Write oci://host/repository:tag, or oci://host/repository@sha256:<64 hex digits>.",
    ),
    Rule(
        "spec.model.uri",
        "!self.startsWith('hf:') || self.matches('^hf://[-A-Za-z0-9_.]+/[-A-Za-z0-9_.]+(@[^/@?]+)?(/[^?]*)?$')",
        "Write hf://org/repository@revision/path: the path of the model's file, or of its folder.",
    ),
    Rule(
        "spec.model.uri",
        "!self.startsWith('mlflow') || self.matches('^mlflow([+]http)?://[^/@?]+/[^/@?]+(/[0-9]+|@[^/@?]+)$')",
        "Write mlflow://host/name/version or mlflow://host/name@alias: the host of the tracking server, and a registered"
        " model of it.",
    ),
    Rule(
        "spec.model.sha256",
        "self.matches('^[0-9a-f]{64}$')",
        "64 lower-case hex digits without a prefix, as sha256sum prints them; or leave it out.",
        "(self.startsWith('sha256:') ? 'remove the prefix sha256:' : self.size() != 64 ? 'it has not 64 characters'"
        " : 'it is not lower-case hex') + '; write 64 lower-case hex digits, as sha256sum prints them"
        " (or leave it out: the digest of the first read is pinned)'",
    ),
    Rule(
        "spec.model",
        "!has(self.headerSecret) || self.uri.matches('^https?:')",
        "headerSecret is only for http(s) sources: remove it, or give an https:// URI.",
        field=".headerSecret",
    ),
    Rule(
        "spec.model",
        "!has(self.caConfigMap) || self.uri.matches('^(https|s3|gs|az|oci|hf|mlflow):')",
        "caConfigMap is only for sources by TLS: remove it, or give an https:// URI.",
        field=".caConfigMap",
    ),
    Rule(
        "spec.model",
        "!has(self.credentials) || self.uri.matches('^(s3|gs|az|hf|oci|mlflow)([+]http)?:')",
        "credentials are for s3, gs, az, oci, hf and mlflow: remove them; https:// takes spec.model.headerSecret.",
        field=".credentials",
    ),
    Rule(
        "spec.model",
        f"!has(self.verify) || !self.uri.matches('{COMES_ALONE}')",
        "No signature comes with a single file: name the folder that holds the model and its model.sig (no https:// has one),"
        " or remove verify.",
        field=".verify",
    ),
    Rule(
        "spec.model.verify",
        "[has(self.publicKeys), has(self.certificateAuthorities), has(self.trustedRoot)].filter(f, f).size() == 1",
        "Name either publicKeys or certificateAuthorities or trustedRoot.",
    ),
    Rule(
        "spec.model.verify",
        "!has(self.signers) || !has(self.publicKeys)",
        "signers are names in certificates: name certificateAuthorities or trustedRoot, or remove them.",
        field=".signers",
    ),
    Rule(
        "spec.model.verify",
        "has(self.trustedRoot) == has(self.issuer) && (!has(self.trustedRoot) || has(self.signers))",
        "trustedRoot needs issuer and signers, and issuer is for trustedRoot only: add or remove them.",
    ),
    Rule(
        "spec.model",
        "!has(self.verify) || !has(self.verify.format) || self.verify.format != 'Cosign' ||"
        " self.uri.matches('^oci([+]http)?:') && !has(self.verify.certificateAuthorities)",
        "Cosign is for oci://, and for publicKeys or trustedRoot.",
        field=".verify.format",
    ),
    Rule(
        "spec.model.verify.signers[]",
        "!self.matches('[,\\\\s]')",
        "No commas and no spaces: one name each, as the certificate has it.",
    ),
)


_CREDENTIALS: Final = (object_name("spec.model.credentials.secretName", "Secret"),)
_REFERENCES: Final = _CREDENTIALS + tuple(
    rule
    for path, kind in (
        ("spec.model.headerSecret", "Secret"),
        ("spec.model.caConfigMap", "ConfigMap"),
        ("spec.model.verify.publicKeys", "ConfigMap"),
        ("spec.model.verify.trustedRoot", "ConfigMap"),
        ("spec.model.verify.certificateAuthorities", "ConfigMap"),
        ("spec.preflight.goldenSamples.configMapKeyRef", "ConfigMap"),
        ("spec.runtime.env[].valueFrom.secretKeyRef", "Secret"),
        ("spec.runtime.env[].valueFrom.configMapKeyRef", "ConfigMap"),
    )
    for rule in (object_name(f"{path}.name", kind), object_key(f"{path}.key"))
)

_ANALYSIS: Final = (
    Rule(
        "spec",
        "!has(self.analysis) || !has(self.analysis.pairing) || (has(self.serving) && has(self.serving.feedback)"
        " && has(self.serving.feedback.signing))",
        "Versions know one another by the keys of their feedback: add spec.serving.feedback: {signing: Managed}, or remove"
        " spec.analysis.pairing.",
        field=".analysis.pairing",
    ),
    Rule(
        "spec.analysis.metrics[].name",
        "self.matches('^[A-Za-z0-9]([-A-Za-z0-9_.]*[A-Za-z0-9])?$')",
        "Use letters, digits, '-', '_' and '.', beginning and ending with a letter or digit.",
    ),
    Rule(
        "spec.analysis.metrics",
        "self.all(m, self.exists_one(n, n.name == m.name))",
        "Each metric needs a name of its own: rename one of the two.",
    ),
    *KIND_RULES,
)

_NOTIFY: Final = (
    Rule(
        "spec.notify[].channel",
        "self.matches('^[a-z0-9]([-a-z0-9]*[a-z0-9])?$')",
        "Give the name of a channel as notify.channels of the chart has it: a-z, 0-9 and '-'.",
    ),
)

RULES: Final = (
    _NAME_RULE,
    *_MODEL,
    *_REFERENCES,
    *STORE_RULES,
    *OPTIMIZE_RULES,
    *PREDICTION_LOG_RULES,
    *RUNTIME_RULES,
    *OVERLAY_RULES,
    *PREFLIGHT_RULES,
    *SERVING_RULES,
    *said_twice(),
    *ROLLOUT_RULES,
    *_ANALYSIS,
    *GUARD_RULES,
    *TRAFFIC_RULES,
    *_NOTIFY,
)

DEFAULTS: Final = {"spec.replicas": 1}
"""Fields that the API server fills in. /scale answers 500 for an object that lacks this one; nothing else has a default."""

MAP_LISTS: Final = {
    "spec.runtime.env": "name",
    "spec.runtime.imagePullSecrets": "name",
    "spec.runtime.pod.volumes": "name",
    "spec.analysis.metrics": "name",
    "spec.notify": "channel",
    "status.conditions": "type",
}
"""Lists that are maps by a key: two field managers can each own items, and a key cannot stand twice."""
