"""Commands for people and pipelines: look at a model, check it against golden samples, measure it."""
