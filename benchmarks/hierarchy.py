"""Would a hierarchical model of slices within speakers decide a piece better than a t test over speakers' means?

A slice's value is mu + b + e: the speaker's own part b has a variance of `ratio` times that of e, which is one.
Speakers have unequal numbers of slices, drawn anew for each sample. Whether mu is zero is asked by

- **t**: over speakers' means, each of which counts the same. It is in use.
- **sign flip**: of the same means, every pattern of signs, or the first and 2,000 random ones.
- **HKSJ**: means weighted by the inverse of their variances, which restricted maximum likelihood (REML) finds; the
  error from how far they scatter around the weighted mean, with t of speakers less one (Hartung and Knapp 2001; Sidik
  and Jonkman 2002).
- **Satterthwaite**: the same mean with the error that the model gives it, and Satterthwaite's degrees of freedom from
  the expected information of REML (Kenward and Roger 1997; as lmerTest, Kuznetsova et al. 2017).

Slices are no more than their mean and their sum of squares, which is all that any of these looks at.
"""

from __future__ import annotations

from itertools import product
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray
from scipy.special import stdtr
from scipy.stats import beta

from benchmarks.power import SHAPES, draw, flips
from benchmarks.power import p_values as unweighted
from benchmarks.publish import command, publish
from elor.explain.claims.decide import LEVEL
from elor.report.text import Block, Table, number

SPEAKERS = (4, 10, 20)
RATIOS = (0.0, 0.01, 0.1, 1.0)
"""Variance between speakers over that between slices of one."""

FEWEST, MOST = 5, 80
"""Slices of a speaker: their logarithm is uniform."""

FOLLOWS = "follows size"
"""Speakers whose own part goes with the logarithm of their number of slices (r = 0.5); of mean zero as all others."""

KINDS = (*SHAPES, FOLLOWS)
TESTS = ("t", "sign flip", "HKSJ", "Satterthwaite")

EFFECT = 3.0
"""mu where there is something: so many standard errors of the unweighted mean, whatever the setting."""

PATTERNS = 2_000
"""Random patterns of signs, where all of them are more."""

CHUNK = 2_000
"""Samples at once."""

FIRST, NEXT, ZOOMS = 33, 9, 5
"""Points of the grid on which a variance is sought, of the finer ones, and how often it is made finer."""


def estimated(means: NDArray, sizes: NDArray, squares: NDArray) -> tuple[NDArray, NDArray]:
    """Variances between speakers and between slices by REML, (samples,) each.

    Args:
        means: of speakers, (samples, speakers).
        sizes: their numbers of slices, the same shape.
        squares: the sum of squares of all slices around their speakers' means, (samples,).
    """
    per = sizes.mean(1)[:, None]  # a ratio x / (1 - x) of variances of means is sought by x

    def profile(x: NDArray) -> tuple[NDArray, NDArray, NDArray]:
        ratio = x / (1 - x) / per
        spread = ratio[:, None] + 1 / sizes[:, :, None]  # of means, in variances between slices
        weight = 1 / spread
        centre = (weight * means[:, :, None]).sum(1) / weight.sum(1)
        rest = squares[:, None] + (weight * (means[:, :, None] - centre[:, None]) ** 2).sum(1)
        freedom = sizes.sum(1)[:, None] - 1
        return freedom * np.log(rest) + np.log(spread).sum(1) + np.log(weight.sum(1)), ratio, rest / freedom

    low, high, points = np.zeros((len(means), 1)), np.full((len(means), 1), 0.999), FIRST
    for _ in range(ZOOMS):
        x = low + (high - low) * np.linspace(0, 1, points)
        deviance, ratio, within = profile(x)
        best = deviance.argmin(1)[:, None]
        low, high = (np.take_along_axis(x, np.clip(best + step, 0, points - 1), 1) for step in (-1, 1))
        points = NEXT
    ratio, within = (np.take_along_axis(one, best, 1)[:, 0] for one in (ratio, within))
    return ratio * within, within


def weighted(means: NDArray, sizes: NDArray, squares: NDArray) -> tuple[NDArray, dict[str, NDArray]]:
    """The weighted mean and p of the two tests of it; arguments as of `estimated`."""
    between, within = (one[:, None] for one in estimated(means, sizes, squares))
    weight = 1 / (between + within / sizes)
    total = weight.sum(1)
    centre = (weight * means).sum(1) / total
    speakers = means.shape[1]
    error = np.sqrt((weight * (means - centre[:, None]) ** 2).sum(1) / (speakers - 1) / total)
    freedom = _satterthwaite(weight, sizes, within[:, 0])
    return centre, {
        "HKSJ": 2 * stdtr(speakers - 1, -np.abs(centre) / error),
        "Satterthwaite": 2 * stdtr(freedom, -np.abs(centre) * np.sqrt(total)),
    }


def _satterthwaite(weight: NDArray, sizes: NDArray, within: NDArray) -> NDArray:
    """2 V^2 / var(V) of the variance V of the weighted mean, by the expected information of both variances."""
    total, parts = weight.sum(1), (np.ones_like(sizes), 1 / sizes)  # how both variances enter that of a mean

    def shared(one: NDArray, other: NDArray) -> NDArray:
        inner = (weight**2 * one * other).sum(1) - 2 * (weight**3 * one * other).sum(1) / total
        return (inner + (weight**2 * one).sum(1) * (weight**2 * other).sum(1) / total**2) / 2

    a, b, c = shared(parts[0], parts[0]), shared(*parts), shared(parts[1], parts[1])
    c = c + (sizes - 1).sum(1) / 2 / within**2  # slices around their speaker's mean
    first, second = ((weight**2 * part).sum(1) / total**2 for part in parts)
    variance = (c * first**2 - 2 * b * first * second + a * second**2) / (a * c - b**2)
    return 2 / total**2 / variance


def sampled(
    rng: np.random.Generator, count: int, speakers: int, ratio: float, kind: str, effect: float
) -> tuple[NDArray, NDArray, NDArray]:
    """Speakers' means, their numbers of slices, and the sum of squares of slices around means."""
    low, high = np.log(FEWEST), np.log(MOST)
    place = rng.uniform(size=(count, speakers))
    sizes = np.rint(np.exp(low + (high - low) * place))
    if kind == FOLLOWS:
        own = (place - 0.5) * np.sqrt(12) / 2 + np.sqrt(0.75) * rng.normal(size=place.shape)
    else:
        own = draw(rng, kind, place.shape)
    inverse = (1 / FEWEST - 1 / MOST) / (high - low)  # the mean of 1 / size
    mu = effect * np.sqrt((ratio + inverse) / speakers)
    means = mu + np.sqrt(ratio) * own + rng.normal(size=place.shape) / np.sqrt(sizes)
    return means, sizes, rng.chisquare((sizes - 1).sum(1))


def rejected(count: int, speakers: int, ratio: float, kind: str, effect: float, seed: int) -> dict[str, int]:
    """In how many samples each test finds something; where there is something, on its side."""
    rng = np.random.default_rng(seed)
    found = dict.fromkeys(TESTS, 0)
    signs = flips(speakers) if speakers <= 12 else None
    for done in range(0, count, CHUNK):
        sample = sampled(rng, min(CHUNK, count - done), speakers, ratio, kind, effect)
        patterns = signs
        if patterns is None:
            patterns = np.vstack([np.ones(speakers), rng.choice((-1.0, 1.0), (PATTERNS, speakers))])
        centre, p = weighted(*sample)
        p |= unweighted(sample[0], patterns)
        for test in TESTS:
            right = (centre if test in ("HKSJ", "Satterthwaite") else sample[0].mean(1)) > 0
            found[test] += int(((p[test] <= LEVEL) & (right | (effect == 0))).sum())
    return found


def measure(count: int = 10_000) -> dict[str, Any]:
    """How often each test finds something, in every setting, where there is nothing and where there is."""
    rows = []
    for index, (speakers, kind, ratio) in enumerate(product(SPEAKERS, KINDS, RATIOS)):
        for effect in (0.0, EFFECT) if kind == SHAPES[0] else (0.0,):
            found = rejected(count, speakers, ratio, kind, effect, 2 * index + bool(effect))
            rows.append({"speakers": speakers, "kind": kind, "ratio": ratio, "effect": effect, "found": found})
    return {"samples": count, "rows": rows}


def tables(measured: dict[str, Any]) -> list[Block]:
    """The error of each test, the largest over the ratios, and its power for normal speakers."""
    samples, rows = measured["samples"], measured["rows"]
    errors, powers = [], []
    for speakers in SPEAKERS:
        some = [row for row in rows if row["speakers"] == speakers]
        group = []
        for kind in KINDS:
            null = [row for row in some if row["kind"] == kind and not row["effect"]]
            worst = {test: max(null, key=lambda row: row["found"][test])["found"][test] for test in TESTS}
            group.append((str(speakers), kind, *(_marked(worst[test], samples) for test in TESTS)))
        errors.append(tuple(group))
        normal = [row for row in some if row["kind"] == "normal" and row["effect"]]
        powers.append(
            tuple(
                (str(speakers), f"{row['ratio']:g}", *(f"{100 * row['found'][t] / samples:.0f} %" for t in TESTS))
                for row in normal
            )
        )
    about = f"{samples:,} samples of speakers with {FEWEST} to {MOST} slices each"
    error = (
        f"A piece where there is nothing, {about}: share found at p up to {LEVEL:g}, the largest over "
        f"{len(RATIOS)} ratios of the variance between speakers to that within; in bold where the 95 % interval lies "
        "above it. Follows size: speakers with more slices answer otherwise"
    )
    power = f"The same where there is something, {EFFECT:g} standard errors of the unweighted mean; normal speakers"
    return [
        Table(error, ("speakers", "distribution", *TESTS), tuple(errors), labels=2),
        Table(power, ("speakers", "ratio", *TESTS), tuple(powers), labels=2),
    ]


def _marked(found: int, samples: int) -> str:
    """A share, in bold where it is too large."""
    low = float(beta.ppf(0.025, found, samples - found + 1)) if found else 0.0
    return f"**{number(found / samples)}**" if low > LEVEL else number(found / samples)


def main(count: Annotated[int, typer.Option(min=1, help="Samples per setting.")] = 10_000) -> None:
    """Write error and power of tests over speakers, and of hierarchical models, into docs/which-analysis.md."""
    publish("hierarchy", "hierarchy", lambda: measure(count), tables)


if __name__ == "__main__":
    command(main)
