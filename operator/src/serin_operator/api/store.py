"""``spec.model.store``: where models are kept by their digest. The chart's ``modelStore`` has the same fields."""

import re
from typing import Annotated, Final

from pydantic import Field

from serin_operator.api.base import ApiModel
from serin_operator.api.pod import ConfigMapKey
from serin_operator.api.rule import Rule, object_key, object_name

STORE_URI: Final = (
    "^((s3|gs|az)://[A-Za-z0-9$][-A-Za-z0-9._]*|pvc://[a-z0-9]([-a-z0-9.]*[a-z0-9])?)(/[-A-Za-z0-9._/]*)?$"
)
UPWARDS: Final = "(^|/)[.][.](/|$)"
WRITE_IT_SO: Final = (
    "Write s3://bucket/prefix, gs://bucket/prefix, az://container/prefix or pvc://claim/folder, without '..' and '?'."
)


class StoreCredentials(ApiModel):
    """Where the credentials for the store are."""

    secret_name: Annotated[
        str,
        Field(
            min_length=1,
            max_length=253,
            description="Name of a Secret whose keys are the standard variables, as of spec.model.credentials.",
        ),
    ]


class ModelStore(ApiModel):
    """Where models are kept by their digest, so that pods need their sources no more."""

    uri: Annotated[
        str,
        Field(
            min_length=1,
            max_length=512,
            description="s3://bucket/prefix, gs://bucket/prefix, az://container/prefix, or pvc://claim/folder on a claim that"
            " pods of several nodes may mount (ReadWriteMany).",
        ),
    ]
    credentials: Annotated[
        StoreCredentials | None,
        Field(description="What opens the bucket. Absent: the identity of the pods' service account."),
    ] = None
    write_credentials: Annotated[
        StoreCredentials | None,
        Field(
            description="What the Job that resolves opens it with, so that pods need only read. Absent: credentials."
        ),
    ] = None
    ca_config_map: Annotated[
        ConfigMapKey | None,
        Field(description="Certificate authorities (PEM) to trust when the bucket is reached by TLS."),
    ] = None

    def problem(self) -> str | None:
        """What the API server would say to it, for a store that comes from the chart."""
        if not re.match(STORE_URI, self.uri) or re.search(UPWARDS, self.uri):
            return f"uri {self.uri.partition('?')[0]!r} is no store. {WRITE_IT_SO}"
        return _OF_BUCKETS if self.uri.startswith("pvc:") and self._has_keys() else None

    def _has_keys(self) -> bool:
        return any((self.credentials, self.write_credentials, self.ca_config_map))


_STORE: Final = "spec.model.store"
_OF_BUCKETS: Final = "credentials, writeCredentials and caConfigMap are for buckets: remove them, a claim needs none."

STORE_RULES: Final = (
    Rule(f"{_STORE}.uri", f"self.matches('{STORE_URI}') && !self.matches('{UPWARDS}')", WRITE_IT_SO),
    Rule(
        _STORE,
        "!self.uri.startsWith('pvc:') || (!has(self.credentials) && !has(self.writeCredentials) && !has(self.caConfigMap))",
        _OF_BUCKETS,
    ),
    object_name(f"{_STORE}.credentials.secretName", "Secret"),
    object_name(f"{_STORE}.writeCredentials.secretName", "Secret"),
    object_name(f"{_STORE}.caConfigMap.name", "ConfigMap"),
    object_key(f"{_STORE}.caConfigMap.key"),
)
