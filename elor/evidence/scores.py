"""metrics/<dimension>/<network>.json: the scores of one network and head; metrics/uar.json and
metrics/war.json: the headline of each, and what stands beside it.

The file is flat: a key without prefix is per slice, pooled over all test speakers; `utterance_` before it: per
utterance.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Annotated, Any, ClassVar

from pydantic import ConfigDict, Field, RootModel, create_model, model_validator

from elor.evidence.model import File, Number, Part
from elor.targets import HEADS, Target

RECALL = re.compile(r"(utterance_)?recall_\d+")
"""Keys of the recalls: as many as there are classes."""


class Level(Part):
    """What is known of slices, and the same of utterances."""

    count: int
    """slices (utterances)"""
    speakers: int
    """whose they are"""
    uar: Number = None
    """UAR, unweighted average recall: mean of n_cc / n_c. over the classes that occur (Schuller, Steidl, Batliner
    2009)"""
    war: Number = None
    """WAR, weighted average recall, accuracy: sum of n_cc / N (the same)"""
    macro_f1: Number = None
    """mean over classes of 2 n_cc / (n_c. + n_.c) (Opitz, Burst 2019, eq. 2)"""
    kappa: Number = None
    """quadratic-weighted kappa, of ordered classes (Cohen 1968)"""
    ccc: Number = None
    """concordance of the expected class, or of the value (Lin 1989)"""
    r: Number = None
    """Pearson's r, of values only"""
    rmse: Number = None
    """root mean squared error, of values only"""
    ci_low: Number = None
    """**primary interval** of the headline, jackknife t over speakers (Miller 1974): its lower limit"""
    ci_high: Number = None
    """its upper limit"""
    bootstrap_t_low: Number = None
    """bootstrap-t interval over speakers (Efron, Tibshirani 1993, ch. 12)"""
    bootstrap_t_high: Number = None
    """its upper limit"""
    bootstrap_low: Number = None
    """percentile bootstrap over speakers (the same, ch. 13)"""
    bootstrap_high: Number = None
    """its upper limit"""
    bootstrap_covers: Number = None
    """what the percentile bootstrap really covers with so many speakers"""
    war_ci_low: Number = None
    """jackknife t interval of WAR"""
    war_ci_high: Number = None
    """its upper limit"""
    fewest_speakers_of_a_class: int | None = None
    """the fewest speakers that any class has; with few, intervals are too narrow"""
    no_spread: bool = False
    """whether leaving out any of three or more speakers leaves the score as it is: then its interval is no certainty"""
    caution: str = ""
    """what else speaks against the interval"""
    fewest_of_a_class: int | None = None
    """the fewest slices that any class has"""
    baseline_uniform_uar: Number = None
    """guess: each class alike"""
    baseline_uniform_war: Number = None
    """the same, WAR"""
    baseline_majority_uar: Number = None
    """guess: always the fold's most frequent training class"""
    baseline_majority_war: Number = None
    """the same, WAR"""
    baseline_majority_class: int | None = None
    """that class, where all folds agree"""
    baseline_tested_uar: Number = None
    """guess: always the most frequent class of all test parts, which is the paper's majority guess"""
    baseline_tested_war: Number = None
    """the same, WAR"""
    baseline_tested_class: int | None = None
    """that class"""
    baseline_prior_uar: Number = None
    """guess: classes with their shares in the fold's training part"""
    baseline_prior_war: Number = None
    """the same, WAR"""
    baseline_mean_ccc: Number = None
    """guess of values: the mean of the fold's training part"""
    baseline_mean_rmse: Number = None
    """the same, RMSE"""
    ece: Number = None
    """expected calibration error, 15 bins of equal width (Guo et al. 2017, eq. 3)"""
    permutation_p: Number
    """p of the headline if labels are permuted within speakers (Phipson, Smyth 2010)"""
    permutation_999: Number = None
    """that null's 99.9 % quantile"""


Utterances: type[Level] = create_model(
    "Utterances",
    __base__=Level,
    **{f"utterance_{name}": (field.annotation, field) for name, field in Level.model_fields.items()},
)
"""The same keys twice, the second time per utterance."""


class Scores(Utterances, File):  # type: ignore[misc, valid-type]
    """Scores of one network and head; besides the keys below `recall_<k>`, the recall n_kk / n_k. of each class k."""

    SCHEMA: ClassVar[str] = "scores/1"
    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, Number]

    joint_war: Number = None
    """slices on which all heads are right: of the paper's 25 combinations the right one, of 125 with a third head; the
    same in all heads' files (Wieser et al. 2020)"""
    uar_folds: Number = None
    """mean over folds of each fold's own score, over the classes that it has (Forman, Scholz 2010)"""
    war_folds: Number = None
    """the same of WAR"""
    macro_f1_folds: Number = None
    """the same of F1"""
    kappa_folds: Number = None
    """the same of kappa"""
    ccc_folds: Number = None
    """the same of CCC"""
    r_folds: Number = None
    """the same of r"""
    rmse_folds: Number = None
    """the same of RMSE"""
    folds_lacking_a_class: int | None = None
    """folds without a slice of some class: there the mean over folds and the pooled score are not comparable"""
    uar_speakers: Number = None
    """mean over speakers of a speaker's own score"""
    uar_speakers_low: Number = None
    """its t-interval"""
    uar_speakers_high: Number = None
    """its upper limit"""
    ccc_speakers: Number = None
    """the same of values"""
    ccc_speakers_low: Number = None
    """its t-interval"""
    ccc_speakers_high: Number = None
    """its upper limit"""
    cross_entropy: Number = None
    """`distribution` only: - mean of sum s_k ln p_k, of the raters' shares s, in nats"""
    cross_entropy_floor: Number = None
    """the best that is possible: the raters' own entropy"""
    spread_r: Number = None
    """`spread` only: Pearson's r of the predicted and the raters' standard deviation"""
    spread_r_low: Number = None
    """its jackknife t-interval over speakers"""
    spread_r_high: Number = None
    """its upper limit"""
    spread_p: Number = None
    """its p if the raters' deviations are permuted within speakers"""
    spread_partial_r: Number = None
    """the same r given the means: of what raters' and predicted mean, and their squares, do not say of either"""
    spread_partial_r_low: Number = None
    """its jackknife t-interval over speakers"""
    spread_partial_r_high: Number = None
    """its upper limit"""
    spread_partial_p: Number = None
    """its p if what is left of the raters' deviations is permuted within speakers"""
    divergence: Number = None
    """mean Kullback-Leibler divergence of the predicted normal from the raters', in nats: the deviation's loss"""
    divergence_constant: Number = None
    """the same with one deviation for all slices, the best for the other folds' tests: what the plain loss can say"""
    coverage_50: Number = None
    """single ratings within the interval that should hold half, mean +- 0.67 deviations; none with `labels.shuffle`"""
    coverage_80: Number = None
    """the same of 80 %"""
    coverage_95: Number = None
    """the same of 95 %"""
    coverage_50_constant: Number = None
    """the same with one deviation for all slices"""
    coverage_80_constant: Number = None
    """the same of 80 %"""
    coverage_95_constant: Number = None
    """the same of 95 %"""
    selection_gap_uar: Number = None
    """what picking the epoch on the test part would have gained"""
    selection_gap_war: Number = None
    """the same of WAR"""
    selection_gap_ccc: Number = None
    """the same of values: of the mean over folds, not of the pooled CCC"""

    @model_validator(mode="after")
    def _only_recalls(self) -> Scores:
        if strange := [key for key in self.__pydantic_extra__ if not RECALL.fullmatch(key)]:
            raise ValueError(f"{strange[0]} is no score")
        return self

    def value(self, key: str) -> Any:
        """The value of a key of the file, as columns of tables name it; None where it is absent."""
        return getattr(self, key, None)

    @property
    def recalls(self) -> dict[int, Number]:
        """By class the recall per slice."""
        found = {key: value for key, value in self.__pydantic_extra__.items() if key.startswith("recall_")}
        return {int(key.removeprefix("recall_")): value for key, value in found.items()}


class Unasked(File):
    """The same file of a dimension that the target does not ask for: DVC wants it all the same."""

    SCHEMA: ClassVar[str] = "unasked/1"

    why: str
    """why there are no scores"""


def of_all_heads(
    metrics: Mapping[str, Mapping[str, Mapping[str, Any]]], networks: Iterable[str], target: Target
) -> Iterator[tuple[str, str, File]]:
    """Head, network and file of every score, and of every head that the target does not ask for.

    Args:
        metrics: `elor.evaluation.evaluate.Evaluation.metrics`.
        networks: those that have a file.
        target: what was asked for.
    """
    networks = list(networks)
    for head in HEADS:
        found = metrics.get(head, {})
        for network in found or networks:
            yield head, network, Scores.of(found[network]) if found else Unasked(why=target.without(head))


_HeadAndNetwork = Annotated[str, Field(pattern=r"^\w+\.\w+$")]


class Headline(RootModel[Annotated[dict[_HeadAndNetwork, Number], Field(min_length=1)]]):
    """metrics/uar.json, by `<dimension>.<network>` the UAR (regression: CCC); metrics/war.json, the WAR (RMSE).

    It has no schema: every key is a score, which DVC and `elor runs` set beside that of other runs.
    """

    SCHEMA: ClassVar[str] = ""
