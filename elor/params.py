"""A typed view of params.yaml: an unknown or ill-typed key is an error that names it.

The comments in params.yaml say what each value means and where it comes from; this module only says which
values there are. `load` reads the file; `Params.scale` is the section of the chosen profile.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, Field, ValidationError, model_validator

from elor import registry
from elor.arithmetic import Arithmetic
from elor.corpus_params import Corpus
from elor.sections import Section, check, read_yaml
from elor.targets import HEADS, Dimension, Kind, Target

NETWORKS = tuple(registry.NETWORKS)
MODELS = tuple(registry.TITLES)
"""All that answers for test slices: the networks, and the machine that they are held against."""
Network = Literal[NETWORKS]
Protocol = Literal["paper", "strict"]
FeatureSet = Literal["IS10", "ComParE_2016", "eGeMAPSv02"]

MOST = 1_000_000
"""Of anything that is counted: beyond it stands a slip of the keyboard, which would take all memory."""

LARGEST = 1e38
"""What float32 holds, in which training computes."""

Sizes = Annotated[list[Annotated[int, Field(le=100_000)]], Field(max_length=20)]
"""Of layers."""


class Labels(Section):
    rater: str
    target: Kind
    dimensions: list[Dimension]
    classes: int = Field(ge=2, le=100)
    shuffle: bool

    @model_validator(mode="after")
    def _once(self) -> Labels:
        if len(set(self.dimensions)) < len(self.dimensions):
            raise ValueError(f"dimensions {self.dimensions} must differ")
        if not self.dimensions:
            raise ValueError(f"dimensions is empty; choose one or more of {', '.join(get_args(Dimension))}")
        return self

    @property
    def asked(self) -> Target:
        """What is to be learned."""
        return Target(self.target, self.classes, tuple(self.dimensions))


class Slices(Section):
    minimum_s: float = Field(ge=0.0)


class Features(Section):
    set: FeatureSet
    table: str | None


class Folds(Section):
    hold_out: str = "speaker"
    protocol: Protocol
    validation: float = Field(gt=0.0, lt=1.0)
    most: int = Field(ge=3, le=MOST)


class Range(Section):
    """Where the search may draw one value: from `low` to `high`, or `around` the default by that share of it."""

    around: float | None = Field(default=None, gt=0.0, lt=1.0)
    low: float | None = None
    high: float | None = None
    step: int | None = Field(default=None, ge=1, le=MOST)
    log: bool = False
    source: Literal["ours", "paper"] = "ours"

    @model_validator(mode="after")
    def _bounds(self) -> Range:
        if (self.around is None) == (self.low is None) or (self.low is None) != (self.high is None):
            raise ValueError("a range is either `around` or both `low` and `high`")
        if self.low is not None and self.high is not None:
            if not self.low < self.high:
                raise ValueError(f"low ({self.low}) must lie below high ({self.high})")
            if self.log and self.low <= 0:
                raise ValueError(f"a logarithmic range begins above 0, not at {self.low}")
            if self.step and (self.low % self.step or self.high % self.step):
                raise ValueError(f"low ({self.low}) and high ({self.high}) must be multiples of step ({self.step})")
        return self


class Search(Section):
    scope: Literal["shared", "nested"]
    fold: str | None
    score: str
    round: int | None = Field(ge=1, le=MOST)
    stop_losers: bool


Schedule = Literal["constant", "cosine"]
Select = Literal["accuracy", "uar", "loss"]
Keep = Literal["best", "last"]


class Learning(Section):
    """A profile's values for what section `train` leaves empty."""

    schedule: Schedule
    select: Select
    keep: Keep
    balance: bool


class Train(Section):
    update: Literal["alternating", "joint"]
    penalty: Literal["norm", "squared", "global"]
    reduction: Literal["mean", "sum"]
    augment: Literal["none", "gain", "noise", "mask", "all"]
    standardize: bool
    fast: bool
    precision: Literal["float32", "bfloat16"]
    tf32: bool
    compile: bool
    deterministic: bool
    schedule: Schedule | None
    select: Select | None
    keep: Keep | None
    balance: bool | None
    seeds: int = Field(ge=1, le=10)

    def over(self, profile: Learning) -> Train:
        """The same, its empty values filled with the profile's."""
        empty = {name: value for name, value in profile.model_dump().items() if getattr(self, name) is None}
        return self.model_copy(update=empty)


class Evaluate(Section):
    confidence: float = Field(gt=0.5, lt=1.0)
    draws: int = Field(ge=100, le=MOST)
    permutations: int = Field(ge=100, le=MOST)
    comparisons: list[Annotated[list[str], Field(min_length=3, max_length=3)]]

    @model_validator(mode="after")
    def _known(self) -> Evaluate:
        for head, *networks in self.comparisons:
            if head not in HEADS or not set(networks) <= set(MODELS):
                raise ValueError(
                    f"the comparison {head}: {' against '.join(networks)} names an unknown head or network"
                )
        return self


class Interventions(Section):
    networks: list[Network] = Field(min_length=1)


class Prototypes(Section):
    penalty: float = Field(gt=0.0)
    modes: list[Literal["paper", "level"]] = Field(min_length=1)
    parametrisations: list[Literal["time", "fourier"]] = Field(min_length=1)
    climb: Literal["logit", "probability"]


class Explain(Section):
    speaker: str
    prototypes: Prototypes
    interventions: Interventions


class InterventionsScale(Section):
    slices: int = Field(ge=1, le=MOST)
    untrained: int = Field(ge=1, le=MOST)


class PrototypesScale(Section):
    restarts: int = Field(ge=1, le=MOST)
    steps: int = Field(ge=2, le=MOST)
    other_restarts: int = Field(ge=1, le=MOST)
    other_steps: int = Field(ge=2, le=MOST)
    untrained: int = Field(ge=0, le=MOST)


class ExplainScale(Section):
    slices: int = Field(ge=1, le=MOST)
    steps: int = Field(ge=1, le=MOST)
    shown: int = Field(ge=0, le=MOST)
    untrained: int = Field(ge=1, le=MOST)
    seeds: int = Field(ge=2, le=10)
    interventions: InterventionsScale
    prototypes: PrototypesScale


class Engine(Section):
    device: str
    workers: int | None = Field(ge=1, le=MOST)
    address: str | None
    max_hours: float = Field(gt=0.0)


class Settings(Section):
    """The values of one network. None: not given here (or, for `filters` and its kin, no convolutions)."""

    filters: Sizes | None = None
    lengths: Sizes | None = None
    pools: Sizes | None = None
    stride: int | None = Field(default=None, ge=1, le=MOST)
    hidden: Sizes | None = None
    dropout: float | None = Field(default=None, ge=0.0, lt=1.0)
    batch: int | None = Field(default=None, ge=1, le=MOST)
    learning_rate: float | None = Field(default=None, gt=0.0, le=LARGEST)
    momentum: float | None = Field(default=None, gt=0.0, lt=1.0)
    alpha: float | None = Field(default=None, ge=0.0)

    @model_validator(mode="after")
    def _layers(self) -> Settings:
        lists = {name: value for name in ("filters", "lengths", "pools") if (value := getattr(self, name)) is not None}
        if len({len(value) for value in lists.values()}) > 1:
            raise ValueError(f"the convolutional layers disagree: {lists} must be of one length")
        for name, value in (lists | {"hidden": self.hidden or [1]}).items():
            if min(value, default=1) < 1:
                raise ValueError(f"{name} {value} must be positive")
        return self

    def given(self) -> dict[str, Any]:
        """The values that are set, by name."""
        return {name: value for name, value in self.model_dump().items() if value is not None}


Setting = Literal[tuple(Settings.model_fields)]
OF_THE_MLP = ("hidden", "dropout")
"""What a network with parents takes from the second; its CNN and optimiser are the first's (ours: the paper gives no
rule)."""


def inherited(first: Mapping[str, Any], second: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a network, from those of its parents."""
    return {**first, **{name: second[name] for name in OF_THE_MLP if name in second}}


class NetworkScale(Section):
    """How much one network gets: evaluations, epochs, patience, ranges of its own for the search, and its defaults.

    A network with parents has neither evaluations nor defaults of its own: it takes theirs.
    """

    evaluations: int = Field(default=0, ge=0, le=MOST)
    epochs: int = Field(ge=1, le=MOST)
    patience: int = Field(ge=1, le=MOST)
    space: dict[Setting, Range] = Field(default_factory=dict)
    defaults: Settings


class Scale(Section):
    utterances: int = Field(ge=20, le=MOST)
    round: int = Field(ge=1, le=MOST)
    train: Learning
    space: dict[Setting, Range]
    networks: dict[Network, NetworkScale]
    explain: ExplainScale

    @model_validator(mode="before")
    @classmethod
    def _inherit(cls, value: Any) -> Any:
        """Give networks with parents the defaults that follow from theirs."""
        given = value.get("networks") if isinstance(value, dict) else None
        if not isinstance(given, dict):
            return value
        found = dict(given)
        for name, network in registry.NETWORKS.items():
            if not network.parents or not isinstance(given.get(name), dict):
                continue
            if own := {"evaluations", "defaults"} & set(given[name]):
                raise ValueError(
                    f"networks.{name} takes its values from {' and '.join(network.parents)}; "
                    f"remove its {' and '.join(sorted(own))}"
                )
            sections = [one if isinstance(one := given.get(parent), dict) else {} for parent in network.parents]
            theirs = [one if isinstance(one := section.get("defaults"), dict) else {} for section in sections]
            found[name] = given[name] | {"defaults": inherited(*theirs)}
        return value | {"networks": found}

    @model_validator(mode="after")
    def _searchable(self) -> Scale:
        spaces = {"space": self.space, **{f"networks.{name}.space": one.space for name, one in self.networks.items()}}
        for where, space in spaces.items():
            for name, span in space.items():
                _within(f"{where}.{name}", name, span)
        for name, network in self.networks.items():
            if foreign := sorted(set(network.space) - set(network.defaults.given())):
                raise ValueError(f"networks.{name}.space has {', '.join(foreign)}, which {name} has not; remove it")
        return self


def _within(where: str, name: str, span: Range) -> None:
    """Refuse a range of real numbers of which an end is no value of the setting.

    Whole numbers are drawn from one step upwards, whatever `low` says.
    """
    if Settings.model_fields[name].annotation != float | None:
        return
    for end in (span.low, span.high):
        try:
            Settings(**{name: end})
        except ValidationError as error:
            raise ValueError(f"{where} ends at {end}, but {error.errors()[0]['msg'].lower()}") from None


class Start(BaseModel):
    """What must be known before numpy and torch are loaded; the rest of the file is not looked at."""

    arithmetic: Arithmetic


class Params(Section):
    """The whole file."""

    profile: Literal["demo", "lab", "paper"]
    seed: int = Field(ge=0, lt=2**32)
    arithmetic: Arithmetic
    corpus: Corpus
    labels: Labels
    slices: Slices
    features: Features
    folds: Folds
    search: Search
    train: Train
    evaluate: Evaluate
    explain: Explain
    engine: Engine
    networks: dict[Network, Settings]
    scales: dict[Literal["demo", "lab", "paper"], Scale] = Field(alias="scale")

    @model_validator(mode="after")
    def _complete(self) -> Params:
        if self.profile not in self.scales:
            raise ValueError(f"scale lacks the profile {self.profile}; add it")
        for where, found in (("networks", self.networks), (f"scale.{self.profile}.networks", self.scale.networks)):
            if lacking := [name for name in NETWORKS if name not in found]:
                raise ValueError(f"{where} lacks {', '.join(lacking)}; add it")
        for name, pinned in self.networks.items():
            if foreign := sorted(set(pinned.given()) - set(self.scale.networks[name].defaults.given())):
                raise ValueError(f"networks.{name} has {', '.join(foreign)}, which {name} has not; leave it empty")
        scores = ["mean", *(head.name for head in self.labels.asked.heads)]
        if self.search.score not in scores:
            raise ValueError(
                f"search.score is {self.search.score!r}, no score of these labels; choose {', '.join(scores)}"
            )
        if worded := [name for name in self.explain.interventions.networks if registry.NETWORKS[name].reads_words]:
            raise ValueError(
                f"explain.interventions.networks names {', '.join(worded)}, which the stage words alters; leave it out"
            )
        altered = [name for name in self.explain.interventions.networks if name in registry.ON_VECTORS]
        if altered and self.features.table is not None:
            raise ValueError(
                f"explain.interventions.networks names {', '.join(altered)}, but features.table has no vectors of "
                "altered sound; leave it out"
            )
        return self

    @property
    def scale(self) -> Scale:
        """The section of the chosen profile."""
        return self.scales[self.profile]


def trained(corpus: Corpus) -> tuple[str, ...]:
    """The networks that take part: those that read what was said only where `corpus.words` asks for it."""
    return registry.WORDLESS if corpus.words == "none" else NETWORKS


def answering(corpus: Corpus) -> tuple[str, ...]:
    """All of these, and the machine that they are held against."""
    return tuple(name for name in MODELS if name in trained(corpus) or name not in NETWORKS)


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and check params.yaml.

    Raises:
        UserError: if the file is absent, no YAML, or holds an unknown or ill-typed key.
    """
    return check(Params, read_yaml(path), str(path))


def load_start(path: Path = Path("params.yaml")) -> Start:
    """Read the values of `Start` alone.

    Raises:
        UserError: as `load`, for these values.
    """
    return check(Start, read_yaml(path), str(path))
