"""The histograms of features and predictions in the words of the metrics endpoint."""

from serin_server.features.capture import FeatureCapture
from serin_server.metrics.server import Words


class FeatureWords:
    """Tells the counts of a capture at scrape."""

    part = "features"

    def __init__(self, capture: FeatureCapture) -> None:
        self._capture = capture

    def tell(self, words: Words) -> None:
        """Counts what still waits, and adds every sample."""
        capture = self._capture
        capture.aggregate()
        features = [feature for _, feature in capture.features]
        words.head("serin_feature_values_total", "counter")
        for feature in features:
            for name, count in zip(feature.distribution.bin_names(), feature.counts.tolist(), strict=True):
                words.sample("serin_feature_values_total", {"feature": feature.distribution.name, "bin": name}, count)
        words.head("serin_feature_invalid_total", "counter")
        for feature in features:
            for kind, count in feature.invalid.items():
                labels = {"feature": feature.distribution.name, "kind": kind}
                words.sample("serin_feature_invalid_total", labels, count)
        words.head("serin_baseline_feature_rows", "gauge")
        for feature in features:
            about = feature.distribution
            for name, count in zip(about.bin_names(), about.counts, strict=True):
                words.sample("serin_baseline_feature_rows", {"feature": about.name, "bin": name}, count)
        words.head("serin_feature_dropped_total", "counter")
        words.sample("serin_feature_dropped_total", {}, capture.dropped)
        if capture.prediction is not None:
            told = capture.prediction.distribution
            words.head("serin_prediction_values_total", "counter")
            for name, count in zip(told.bin_names(), capture.prediction.counts.tolist(), strict=True):
                words.sample("serin_prediction_values_total", {"bin": name}, count)
            words.head("serin_baseline_prediction_rows", "gauge")
            for name, count in zip(told.bin_names(), told.counts, strict=True):
                words.sample("serin_baseline_prediction_rows", {"bin": name}, count)
