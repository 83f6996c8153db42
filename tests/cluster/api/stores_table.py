"""What is no store for models: which field is named, and the way out."""

from typing import Any

from tests.cluster.api.table import Bad

NO_STORES = (
    "kept",
    "nfs://kept/models",
    "s3://",
    "s3://me:key@kept/models",
    "s3://kept/models?token=x",
    "s3://kept/a b",
    "s3://kept/../other",
    "pvc:///models",
    "pvc://Kept/models",
    "pvc://kept/..",
    "https://kept.example.com/models",
)
STORES = (
    "s3://kept",
    "s3://kept/",
    "s3://kept/a/b_c.d-e/",
    "gs://kept/x",
    "az://$root/x",
    "pvc://kept",
    "pvc://kept.x/y",
)


def bad(because: str, store: dict[str, Any], field: str, way_out: str) -> Bad:
    """A store that is refused."""
    return Bad(because, "model.store", store, f"spec.model.store{field}", way_out)


BAD_STORES = (
    *(bad(f"a store at {uri}", {"uri": uri}, ".uri", "Write s3://bucket/prefix") for uri in NO_STORES),
    bad("a store without an address", {"credentials": {"secretName": "a"}}, ".uri", "Required value"),
    bad(
        "a claim with credentials",
        {"uri": "pvc://kept", "writeCredentials": {"secretName": "a"}},
        "",
        "remove them, a claim needs none",
    ),
    bad(
        "a store's Secret has a bad name",
        {"uri": "s3://kept", "writeCredentials": {"secretName": "My_Secret"}},
        ".writeCredentials.secretName",
        "as kubectl",
    ),
    Bad("variants of none", "model.optimize", {"variants": []}, "spec.model.optimize.variants", "at least 1 items"),
    Bad(
        "a variant twice", "model.optimize", {"variants": ["Graph", "Graph"]}, "optimize.variants", "each variant once"
    ),
    Bad("a variant of 4 bits", "model.optimize", {"variants": ["Int4"]}, "optimize.variants[0]", "Int8Dynamic"),
    Bad(
        "a variant that may be slower",
        "model.optimize",
        {"variants": ["Graph"], "minSpeedup": 0.9},
        "optimize.minSpeedup",
        "greater than or equal to 1",
    ),
    Bad(
        "a variant that may lose everything",
        "model.optimize",
        {"variants": ["Graph"], "maxAccuracyLoss": 1},
        "optimize.maxAccuracyLoss",
        "less than 1",
    ),
    Bad(
        "a variable that says where models are kept",
        "runtime.env",
        [{"name": "SERIN_STORE", "value": "s3://kept"}],
        "spec.runtime.env[0].name",
        "use the fields of spec.model",
    ),
)
