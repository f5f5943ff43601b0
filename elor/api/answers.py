"""What trained networks say of a corpus' slices, each answered by those alone that never heard its speaker."""

from collections.abc import Iterable
from itertools import islice

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from elor.corpora.faults import plural, some
from elor.ensemble import BATCH, Ensemble
from elor.progress import Progress
from elor.tables import SEPARATOR, full_names, own_name


def answered(
    ensemble: Ensemble, slices: pd.DataFrame, signals: Iterable[NDArray[np.int16]], strangers: bool = False
) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Predict every slice: the mean over the networks that never heard its speaker, or over all where all have.

    Args:
        ensemble: the networks.
        slices: slices.csv.
        signals: their sound, int16 (96000,) each, in the order of `slices`.
        strangers: whoever bears the name of a speaker of another corpus is somebody else; without it, the same person,
            but for corpora of the networks' own run.

    Returns:
        One row per slice: slice, utterance, speaker, networks (how many answered), then for each head its label and
        probabilities, or its value, as in data/predictions/. And what is to be said of the speakers, in sentences.

    Raises:
        UserError: if a sound cannot be read, or a network gives no numbers.
    """
    speakers = full_names(slices).to_numpy(dtype=object)
    fresh = _fresh(ensemble, np.unique(speakers), strangers)
    chosen = np.stack([fresh[name] if fresh[name].any() else np.ones_like(fresh[name]) for name in speakers])
    parts: dict[str, list[NDArray]] = {head.name: [] for head in ensemble.heads}
    with Progress("Predict", len(slices), unit="slice") as progress:
        sounds, start = iter(signals), 0
        while batch := list(islice(sounds, BATCH)):
            rows = chosen[start : start + len(batch), :, None]
            start += len(batch)
            for name, values in ensemble.answers(np.stack(batch)).items():
                parts[name].append((values * rows).sum(1) / rows.sum(1))
            progress.advance(len(batch))
    table = slices[["slice", "utterance", "speaker"]].assign(networks=chosen.sum(1))
    for head in ensemble.heads:
        found = np.concatenate(parts[head.name])
        table[head.column] = found[:, 0] if head.valued else found.argmax(1)
        table = table.assign(**dict(zip(head.share_columns, found.T, strict=False)))
    return table, _said(ensemble, fresh)


def _fresh(ensemble: Ensemble, speakers: NDArray, strangers: bool) -> dict[str, NDArray[np.bool_]]:
    """By speaker, who bears the corpus' name in front, (folds,) which networks are not known to have heard that one.

    Where a corpus bears the name of one that they learned from, its speakers and those of the corpora beside it are
    told apart as in that run: by corpus and name. Else whoever has a heard speaker's own name, or is called as the run
    calls that one (`fin-anna`), counts as the same person.
    """
    heard = ensemble.heard or (None,) * len(ensemble.folds)
    strangers = strangers or not _corpora(speakers).isdisjoint(_corpora([who for some in heard for who in some or ()]))
    found = {}
    for name in speakers:
        called = {name} if strangers else {own_name(name)}
        known = (
            None if some is None else {*some} | (set() if strangers else set(map(own_name, some))) for some in heard
        )
        found[name] = np.array([names is None or called.isdisjoint(names) for names in known])
    return found


def _corpora(speakers: Iterable[str]) -> set[str]:
    """What stands in front of names, where something does."""
    return {name.partition(SEPARATOR)[0] for name in speakers if SEPARATOR in name}


def _said(ensemble: Ensemble, fresh: dict[str, NDArray[np.bool_]]) -> tuple[str, ...]:
    """Which speakers the networks have heard, and who answered for them."""
    count, names = len(ensemble.folds), dict[str, list[str]](none=[], some=[], all=[])
    shown = own_name if len(_corpora(fresh)) < 2 else str
    for speaker, free in fresh.items():
        names["none" if free.all() else "some" if free.any() else "all"].append(shown(speaker))
    found = []
    if None in (ensemble.heard or (None,)):
        found.append("its file does not say whom it has heard: train or export it again, or trust nothing here")
    elif names["none"]:
        found.append(f"{plural(len(names['none']), 'speaker')} that no network has heard")
    if names["some"]:
        least = min(int(free.sum()) for free in fresh.values() if free.any())
        found.append(
            f"{some(names['some'], 10)}: heard by some of {plural(count, 'network')}, and answered by the others alone "
            f"({least} at the fewest)"
        )
    if names["all"]:
        found.append(f"{some(names['all'], 10)}: heard by every network in training, so that their scores are too good")
    return tuple(found)
