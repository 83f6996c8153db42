"""What became of explanations: counted apart from predictions, so that no rollout is judged by them."""

from serin_server.metrics.instruments import Counter
from serin_server.metrics.server import Words


class ExplanationCounts:
    """Counts explanations, and tells them at scrape."""

    part = "explanations"

    def __init__(self) -> None:
        self.explanations = Counter(("code",), [("200",)])
        self.evaluations = 0

    def tell(self, words: Words) -> None:
        """Adds its samples."""
        words.counter("serin_explanations_total", self.explanations)
        words.head("serin_explanation_evaluations_total", "counter")
        words.sample("serin_explanation_evaluations_total", {}, self.evaluations)
