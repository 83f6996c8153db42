"""What others do, on the same counts. Each function answers: at which look is each rollout rolled back (or never: -1)?"""

from functools import cache

import numpy as np
from benchmarks.analysis.streams import Stream
from scipy.special import ndtr, ndtri


def _first(fired) -> np.ndarray:
    return np.where(fired.any(axis=1), fired.argmax(axis=1), -1)


def _bad_looks(stream: Stream, bound: float):
    rate = np.divide(stream.canary_bad, stream.canary_total, where=stream.canary_total > 0, out=np.zeros(stream.shape))
    return (rate > bound).cumsum(axis=1)


def argo(stream: Stream, bound: float, failure_limit: int):
    """Argo Rollouts: more failed measurements than `failureLimit` abort the rollout."""
    return _first(_bad_looks(stream, bound) > failure_limit)


def flagger(stream: Stream, bound: float, threshold: int = 5):
    """Flagger: as many failed checks as `threshold` roll back."""
    return _first(_bad_looks(stream, bound) >= threshold)


def _cumulative(stream: Stream):
    xc, nc = stream.canary_bad.cumsum(1), stream.canary_total.cumsum(1)
    xs, ns = stream.stable_bad.cumsum(1), stream.stable_total.cumsum(1)
    return xc, np.maximum(nc, 1), xs, np.maximum(ns, 1)


def z_test(stream: Stream, alpha: float = 0.01):
    """A one-sided pooled z-test on the counts so far, at each look."""
    xc, nc, xs, ns = _cumulative(stream)
    pooled = (xc + xs) / (nc + ns)
    spread = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / nc + 1 / ns), 1e-300))
    return _first((xc / nc - xs / ns) / spread > -ndtri(alpha))


def mann_whitney(stream: Stream, alpha: float = 0.01, least: int = 5):
    """A Mann-Whitney judge (as Kayenta's) on the looks' rates so far, one-sided, at each look."""
    canary = stream.canary_bad / np.maximum(stream.canary_total, 1)
    stable = stream.stable_bad / np.maximum(stream.stable_total, 1)
    rollouts, looks = stream.shape
    u = np.zeros(rollouts)
    fired = np.zeros((rollouts, looks), dtype=bool)
    for t in range(looks):
        new_c, new_s = canary[:, t : t + 1], stable[:, t : t + 1]
        u += ((new_c > stable[:, : t + 1]) + 0.5 * (new_c == stable[:, : t + 1])).sum(1)
        u += ((canary[:, :t] > new_s) + 0.5 * (canary[:, :t] == new_s)).sum(1)
        n = t + 1
        if n >= least:
            fired[:, t] = (u - n * n / 2 - 0.5) / np.sqrt(n * n * (2 * n + 1) / 12) > -ndtri(alpha)
    return _first(fired)


def cumulative_sequence(stream: Stream, alpha: float = 0.01):
    """An asymptotic confidence sequence on the difference of cumulative rates (Waudby-Smith et al. 2024)."""
    xc, nc, xs, ns = _cumulative(stream)
    pc, ps = (xc + 0.5) / (nc + 1), (xs + 0.5) / (ns + 1)
    variance = pc * (1 - pc) / nc + ps * (1 - ps) / ns
    looks = stream.shape[1]
    typical = np.median(1 / variance[:, min(9, looks - 1)])
    wanted = -2 * np.log(2 * alpha)
    rho2 = (wanted + np.log(wanted + 1)) / typical
    grown = rho2 / variance + 1
    width = np.sqrt(variance) * np.sqrt(2 * grown / (grown - 1) * np.log1p(np.sqrt(grown) / (2 * alpha)))
    return _first(xc / nc - xs / ns > width)


def msprt(stream: Stream, alpha: float = 0.01):
    """The mixture sequential probability ratio test of A/B testing (Johari, Pekelis, Walsh 2015; 2022), on the difference of cumulative rates.

    The mixing variance is that of the difference at the tenth look, where the test is so best. The ratio of both sides at 2α, and only what is worse counts.
    """
    xc, nc, xs, ns = _cumulative(stream)
    pooled = np.clip((xc + xs) / (nc + ns), 1e-9, 1 - 1e-9)
    variance = pooled * (1 - pooled) * (1 / nc + 1 / ns)
    mixing = np.median(variance[:, min(9, stream.shape[1] - 1)])
    difference = xc / nc - xs / ns
    total = variance + mixing
    log_ratio = 0.5 * np.log(variance / total) + mixing * difference**2 / (2 * variance * total)
    return _first((difference > 0) & (log_ratio >= -np.log(2 * alpha)))


def group_sequential(stream: Stream, alpha: float = 0.01):
    """O'Brien and Fleming's boundary by Lan and DeMets' spending (1983), one-sided, for exactly the looks that there are: their number has to be known."""
    xc, nc, xs, ns = _cumulative(stream)
    information = 1 / (1 / nc[0] + 1 / ns[0])
    boundary = _spending_boundary(tuple((information / information[-1]).tolist()), alpha)
    pooled = (xc + xs) / (nc + ns)
    spread = np.sqrt(np.maximum(pooled * (1 - pooled) * (1 / nc + 1 / ns), 1e-300))
    return _first((xc / nc - xs / ns) / spread > boundary)


@cache
def _spending_boundary(fractions: tuple[float, ...], alpha: float) -> np.ndarray:
    """Bounds on z at these fractions of the information, by Armitage, McPherson and Rowe's recursion (1969) over Brownian motion on a grid."""
    step = 0.004
    grid = np.arange(-6, 6, step)
    density, before, spent, bounds = None, 0.0, 0.0, []
    for now in fractions:
        spend = max(0.0, 2 * (1 - ndtr(-ndtri(alpha / 2) / np.sqrt(now))) - spent)
        width = np.sqrt(max(now - before, 1e-9))

        def crossed(bound, width=width, density=density):
            if density is None:
                return 1 - ndtr(bound / width)
            return float((density * (1 - ndtr((bound - grid) / width))).sum() * step)

        low, high = 0.0, 6.0
        for _ in range(40):
            middle = (low + high) / 2
            low, high = (middle, high) if crossed(middle) > spend else (low, middle)
        bounds.append(high / np.sqrt(now))
        if density is None:
            density = np.exp(-0.5 * (grid / width) ** 2) / (width * np.sqrt(2 * np.pi))
        else:
            around = np.arange(-6 * width, 6 * width + step, step)
            kernel = np.exp(-0.5 * (around / width) ** 2)
            density = np.convolve(density, kernel / kernel.sum(), mode="same")
        density = np.where(grid < high, density, 0.0)
        before, spent = now, spent + spend
    return np.array(bounds)


def all_rules(stream: Stream, bound: float) -> dict[str, np.ndarray]:
    return {
        "Argo Rollouts, failureLimit 0": argo(stream, bound, 0),
        "Argo Rollouts, failureLimit 3": argo(stream, bound, 3),
        "Flagger, threshold 5": flagger(stream, bound),
        "z-test at each look": z_test(stream),
        "Mann-Whitney at each look": mann_whitney(stream),
        "cumulative asymptotic sequence": cumulative_sequence(stream),
        "mSPRT": msprt(stream),
        "group-sequential, O'Brien–Fleming": group_sequential(stream),
    }
