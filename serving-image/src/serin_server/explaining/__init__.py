"""Why a model predicts what it predicts: Shapley values, sampled through the session that serves."""
