"""More rows of the table of bad resources: how pods batch, and what they serve with."""

from tests.cluster.api.table import Bad

BAD_SETTINGS = (
    # Batching.
    Bad(
        "batching is a word of its own", "runtime.batching", "On", "spec.runtime.batching", '"Proven", "Off", "Trusted"'
    ),
    Bad(
        "batching is on without quotes", "runtime.batching", True, "spec.runtime.batching", '"Proven", "Off", "Trusted"'
    ),
    Bad("a variable is a field's", "runtime.env.0.name", "SERIN_BATCHING", "spec.runtime.env[0].name", "remove it"),
    Bad("no rows share a run", "runtime.maxBatchRows", 0, "spec.runtime.maxBatchRows", "greater than or equal to 1"),
    Bad(
        "requests wait for one another too long",
        "runtime.batchWindowSeconds",
        2,
        "spec.runtime.batchWindowSeconds",
        "less than or equal to 1",
    ),
    Bad("a window has a unit", "runtime.batchWindowSeconds", "2ms", "spec.runtime.batchWindowSeconds"),
    Bad("preferred rows fall", "runtime.preferredBatchRows", [16, 8], "preferredBatchRows", "must rise"),
    Bad("preferred rows repeat", "runtime.preferredBatchRows", [8, 8], "preferredBatchRows", "remove one"),
    Bad(
        "more rows are preferred than may be",
        "runtime.preferredBatchRows",
        [8, 512],
        "spec.runtime.preferredBatchRows",
        "raise maxBatchRows, or remove what is above it",
    ),
    Bad(
        "a variable says what a field says",
        "runtime.env.0",
        {"name": "SERIN_MAX_BATCH_ROWS", "value": "8"},
        "spec.runtime.env",
        "SERIN_MAX_BATCH_ROWS and spec.runtime.maxBatchRows say the same thing: remove the variable",
    ),
)
