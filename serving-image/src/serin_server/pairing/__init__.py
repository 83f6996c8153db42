"""The same question asked of another version: what it answers is counted beside the own answer, as a pair."""
