"""Simulated traffic: arrays (rollout, look) of exact counts, from a seed."""

from dataclasses import dataclass

import numpy as np

Array = np.ndarray


@dataclass(frozen=True)
class Stream:
    """Counts of canary and stable by rollout and look; `before` is stable alone, before the canary has traffic."""

    canary_bad: Array
    canary_total: Array
    stable_bad: Array
    stable_total: Array
    before_bad: Array
    before_total: int

    @property
    def shape(self) -> tuple[int, int]:
        return self.canary_bad.shape


def steps(looks: int, *weights: float) -> Array:
    """Weights of a rollout, each held equally long."""
    return np.repeat(np.array(weights), -(-looks // len(weights)))[:looks]


def stream(rng, rollouts, canary_total, stable_total, stable_rate, canary_rate, before_looks=8) -> Stream:
    """Binomial counts; every argument may be a number, one value a look, or a full (rollout, look) array."""
    looks = max(np.shape(np.atleast_1d(one))[-1] for one in (canary_total, stable_total, stable_rate, canary_rate))
    shape = (rollouts, looks)
    nc, ns = (np.broadcast_to(np.asarray(one, dtype=np.int64), shape) for one in (canary_total, stable_total))
    pc, ps = (np.clip(np.broadcast_to(np.asarray(one, dtype=float), shape), 0, 1) for one in (canary_rate, stable_rate))
    size = int(nc[0, 0] + ns[0, 0])
    before = rng.binomial(size, ps[:, :1], size=(rollouts, before_looks))
    return Stream(rng.binomial(nc, pc), nc, rng.binomial(ns, ps), ns, before, size)


def split(total, weights) -> tuple[Array, Array]:
    """Sizes of the arms at weights (in %)."""
    canary = np.rint(np.asarray(total) * np.asarray(weights) / 100).astype(np.int64)
    return canary, np.asarray(total, dtype=np.int64) - canary


def at_margin_ratio(stable_rate, ratio) -> Array:
    """The canary's rate whose odds are `ratio` times stable's."""
    odds = np.asarray(stable_rate) / (1 - np.asarray(stable_rate)) * ratio
    return odds / (1 + odds)
