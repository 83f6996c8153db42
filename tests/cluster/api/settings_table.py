"""More rows of the table of bad resources: how pods batch, and what they serve with."""

from tests.cluster.api.table import TLS, WITH_TLS, Bad

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
        "SERIN_MAX_BATCH_ROWS and spec.runtime.maxBatchRows say the same thing: remove one",
    ),
    Bad(
        "pairing is a variable and a field",
        "runtime.env.0",
        {"name": "SERIN_PAIRING_TIMEOUT_SECONDS", "value": "1"},
        "spec.runtime.env",
        "SERIN_PAIRING_TIMEOUT_SECONDS and spec.analysis.pairing.timeoutSeconds say the same thing",
    ),
    # Who may ask, and over which wire.
    Bad("TLS without a Secret", "serving.tls", {}, "spec.serving.tls.secretName", "Required value", WITH_TLS),
    Bad(
        "a certificate's Secret has a bad name",
        "serving.tls.secretName",
        "My_Tls",
        "tls.secretName",
        "as kubectl",
        WITH_TLS,
    ),
    Bad(
        "authorities come from two places",
        "serving.tls.clientCA.secretKeyRef",
        {"name": "a", "key": "b"},
        "spec.serving.tls.clientCA",
        "exactly one of secretKeyRef and configMapKeyRef",
        WITH_TLS,
    ),
    Bad(
        "authorities come from nowhere",
        "serving.tls.clientCA",
        {},
        "spec.serving.tls.clientCA",
        "exactly one of",
        WITH_TLS,
    ),
    Bad(
        "pods speak TLS behind a route that speaks none",
        "serving.tls",
        TLS,
        "spec.serving.tls",
        "let the Gateway end TLS",
    ),
    Bad("a key stands in the spec", "serving.apiKeys", {"keys": ["a"]}, "spec.serving.apiKeys"),
    Bad(
        "keys of a Secret's bad key", "serving.apiKeys.secretKeyRef.key", "a/b", "secretKeyRef.key", "Keys have letters"
    ),
    Bad(
        "tokens without keys to check them", "serving.jwt", {"audience": "a"}, "spec.serving.jwt.jwks", "Required value"
    ),
    Bad("a key set comes from nowhere", "serving.jwt.jwks", {}, "spec.serving.jwt.jwks", "exactly one of"),
    Bad(
        "a certificate is a variable and a field",
        "runtime.env.0",
        {"name": "SERIN_TLS_CERT_FILE", "value": "/tls.crt"},
        "spec.runtime.env",
        "SERIN_TLS_CERT_FILE and spec.serving.tls.secretName say the same thing",
        WITH_TLS,
    ),
    Bad(
        "a certificate by a variable",
        "runtime.env.0.name",
        "SERIN_TLS_KEY_FILE",
        "spec.runtime.env[0].name",
        "use spec.serving.tls with a Secret",
    ),
    Bad(
        "keys are a variable and a field",
        "runtime.env.0",
        {"name": "SERIN_API_KEYS_FILE", "value": "/keys"},
        "spec.runtime.env",
        "SERIN_API_KEYS_FILE and spec.serving.apiKeys.secretKeyRef say the same thing",
    ),
    # Feedback.
    Bad("signing is a word of its own", "serving.feedback.signing", "On", "spec.serving.feedback.signing", '"Managed"'),
    Bad(
        "keys of one's own where Serin makes them",
        "serving.feedback.signing",
        "Managed",
        "spec.serving.feedback.secretKeyRef",
        "only read with signing FromSecret",
    ),
    Bad(
        "keys of one's own that are not named",
        "serving.feedback",
        {"signing": "FromSecret"},
        "spec.serving.feedback.secretKeyRef",
        "add secretKeyRef",
    ),
    Bad("labels live for ever", "serving.feedback.maxAgeSeconds", 0, "maxAgeSeconds", "greater than or equal to 1"),
    # Logs and limits.
    Bad("a log without a share", "serving.accessLog", {}, "spec.serving.accessLog.sample", "Required value"),
    Bad(
        "a share in percent", "serving.accessLog.sample", 5, "spec.serving.accessLog.sample", "less than or equal to 1"
    ),
    Bad(
        "payloads go to no address", "serving.payloadLog.to", "kafka", "spec.serving.payloadLog.to", "Write Stdout, or"
    ),
    Bad(
        "payloads go to an address with a password",
        "serving.payloadLog.to",
        "https://u:p@sink.example.com",
        "spec.serving.payloadLog.to",
        "without credentials",
    ),
    Bad("two tensors in one name", "serving.payloadLog.hide.0", "a,b", "payloadLog.hide[0]", "one tensor an item"),
    Bad(
        "a log of predictions without a place",
        "predictionLog",
        {"sample": 1},
        "spec.predictionLog.store",
        "Required value",
    ),
    Bad(
        "predictions go upwards",
        "predictionLog.store",
        "s3://logs/../x",
        "spec.predictionLog.store",
        "s3://bucket/prefix",
    ),
    Bad(
        "predictions go to a file",
        "predictionLog.store",
        "file:///logs",
        "spec.predictionLog.store",
        "pvc://claim/folder",
    ),
    Bad("two inputs in one name", "predictionLog.hide.0", "a,b", "predictionLog.hide[0]", "One tensor an item"),
    Bad("a spool on no claim", "predictionLog.spoolClaim", "My_Claim", "predictionLog.spoolClaim", "name of a claim"),
    Bad(
        "predictions are kept for no day",
        "predictionLog.retentionDays",
        0,
        "retentionDays",
        "greater than or equal to 1",
    ),
    Bad(
        "a variable that says where predictions go",
        "runtime.env",
        [{"name": "SERIN_PREDICTION_LOG", "value": "http://x:1"}],
        "spec.runtime.env[0].name",
        "use the fields of spec",
    ),
    Bad("memory has a made-up unit", "serving.limits.memoryBudget", "256MB", "limits.memoryBudget", "256Mi or 1Gi"),
    Bad("no memory at all", "serving.limits.memoryBudget", 0, "spec.serving.limits.memoryBudget", "above 0"),
    Bad(
        "bodies may take all memory",
        "serving.limits.memoryBudget",
        "1Gi",
        "spec.serving.limits.memoryBudget",
        "raise spec.runtime.resources.limits.memory",
    ),
    Bad(
        "no request waits long enough for its batch",
        "serving.limits.requestTimeoutSeconds",
        0.001,
        "spec.runtime.batchWindowSeconds",
        "lower the window",
    ),
    Bad(
        "no bodies", "serving.limits.maxBodyBytes", 0, "spec.serving.limits.maxBodyBytes", "greater than or equal to 1"
    ),
    Bad("a limit has a unit", "serving.limits.maxBodyBytes", "1Mi", "spec.serving.limits.maxBodyBytes"),
    Bad("classes with a tolerance", "serving.prediction.kind", "Class", "spec.serving.prediction.tolerance", "remove"),
    # What else is answered.
    Bad(
        "explanations have no time",
        "serving.explain.maxSeconds",
        0,
        "spec.serving.explain.maxSeconds",
        "greater than 0",
    ),
    Bad(
        "explanations are a variable and a field",
        "runtime.env.0",
        {"name": "SERIN_EXPLAIN", "value": "off"},
        "spec.runtime.env",
        "SERIN_EXPLAIN and spec.serving.explain say the same thing",
    ),
    Bad(
        "answers are packed from nothing on",
        "serving.compression",
        {},
        "spec.serving.compression.minBytes",
        "Required value",
    ),
    Bad(
        "an origin has a path",
        "serving.cors.origins.0",
        "https://a.example/page",
        "serving.cors.origins[0]",
        "without a path",
    ),
    Bad("an origin is a host", "serving.cors.origins.0", "a.example", "serving.cors.origins[0]", "as browsers do"),
    Bad("no origin at all", "serving.cors.origins", [], "spec.serving.cors.origins", "at least 1 items"),
    Bad("a rate of nothing", "serving.rateLimit.requestsPerSecond", 0, "rateLimit.requestsPerSecond", "greater than 0"),
    Bad(
        "a rate without keys",
        "serving",
        {"rateLimit": {"requestsPerSecond": 1}},
        "spec.serving.rateLimit",
        "add apiKeys or jwt",
    ),
    Bad("a collector is a host", "serving.tracing.endpoint", "collector:4318", "tracing.endpoint", "http://"),
    Bad(
        "a collector's password", "serving.tracing.endpoint", "http://a:b@c", "tracing.endpoint", "without credentials"
    ),
    Bad(
        "more traces than requests",
        "serving.tracing.sample",
        2,
        "spec.serving.tracing.sample",
        "less than or equal to 1",
    ),
    Bad("a field of serving is unknown", "serving.http2", {}, "spec.serving.http2"),
)
