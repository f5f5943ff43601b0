"""The keys of a recipe of the demonstration corpus, and what they may be; the values stand in `data/demo.yaml`.

An unknown, missing or ill-typed key is an error that names it, because a misspelt constant that is silently ignored
would plant something else than the file says.
"""

import math
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import Field

from elor.corpora.demo.sounds import CONSONANT_NAMES, VOWEL_NAMES
from elor.errors import UserError
from elor.sections import Section, check, read_yaml

CHOSEN_RATER = "E-2"
"""The evaluator whose ratings the paper learns."""

EXTENDS = "extends"
"""The key that names, relative to the file, the recipe that a recipe differs from."""

SELF = "self"
"""The entry of the raters that stands for the actors rating themselves."""

CUES = (
    "f0_semitones",
    "f0_range_semitones",
    "rate",
    "level_db",
    "peakiness",
    "tilt_db",
    "formant_scale",
    "ring_db",
    "creak",
    "aspiration_db",
    "run_s",
    "pause_s",
    "pause_cv",
    "pause_trend",
)
"""The cues that follow a formula, in the order in which their noise is drawn."""

Share = Field(ge=0.0, le=1.0)


class Formula(Section):
    """How a cue follows valence and arousal; `cues.evaluate` computes it."""

    scale: Literal["linear", "octaves"]
    base: float
    arousal: float = 0.0
    valence: float = 0.0
    extremes: float = 0.0
    gain: bool = True
    expressive: bool = True
    noise: float = Field(default=0.0, ge=0.0)
    low: float = -math.inf
    high: float = math.inf


class Contour(Section):
    """Valence below which a run of speech ends falling, and above which its end alternates; between them it rises."""

    falling_below: float
    alternating_above: float


class Speaker(Section):
    """A voice: F0 in Hz, vocal tract and rate as factors, level in dB, expressivity as a factor of every cue."""

    f0_hz: float = Field(ge=60.0, le=350.0)
    formant_scale: float = Field(ge=0.7, le=1.3)
    rate: float = Field(gt=0.0)
    level_db: float
    expressivity: float = Field(ge=0.0)


class Durations(Section):
    """Lengths of turns in seconds: lognormal, some brief on purpose, and one giant."""

    median_s: float = Field(gt=0.0)
    log_deviation: float = Field(ge=0.0)
    shortest_s: float = Field(gt=0.0)
    longest_s: float = Field(gt=0.0)
    brief_share: float = Share
    brief_s: float = Field(gt=0.0)
    giant_turn: str
    giant_s: float = Field(gt=0.0)


class Dialogue(Section):
    """The mood that a dialogue is about, and who rates it."""

    valence: float
    arousal: float
    evaluators: list[str] = Field(min_length=1)


class Moods(Section):
    """How latent valence and arousal wander from turn to turn."""

    persistence: float = Field(ge=0.0, lt=1.0)
    innovation: float = Field(ge=0.0)
    uniform_share: float = Share
    limit: float = Field(gt=0.0)
    change_of_speaker: float = Share


class Rater(Section):
    """Bias and deviation in points of the rating scale 1..5."""

    valence_bias: float
    arousal_bias: float
    deviation: float = Field(ge=0.0)


class Words(Section):
    """What is said: how many words a turn has, which tell nothing, and which tell valence, how often."""

    fewest: int = Field(ge=1)
    most: int = Field(ge=1)
    telling_share: float = Share
    low: list[str] = Field(min_length=1)
    high: list[str] = Field(min_length=1)
    telling_nothing: list[str] = Field(min_length=1)


class Placeholders(Section):
    """How many lines of the chosen rater and of other evaluators hold `val 6; act 6; dom ;`."""

    chosen: int = Field(ge=0)
    others: int = Field(ge=0)


class Irregularities(Section):
    """What is not regular in a real release."""

    third_evaluator_share: float = Share
    self_reports: list[str]
    placeholders: Placeholders
    missing_dominance: int = Field(ge=0)
    remark_share: float = Share
    remarking_rater: str
    suffixes: dict[str, str]


class Sounds(Section):
    """The consonants and vowels of a language, by their names in `sounds.py`."""

    consonants: list[Literal[CONSONANT_NAMES]] = Field(min_length=1)
    vowels: list[Literal[VOWEL_NAMES]] = Field(min_length=1)

    @property
    def places(self) -> tuple[tuple[int, ...], tuple[int, ...]]:
        """Where they stand in `CONSONANTS` and `VOWELS`."""
        return (tuple(map(CONSONANT_NAMES.index, self.consonants)), tuple(map(VOWEL_NAMES.index, self.vowels)))


class Recipe(Section):
    """Everything that decides the corpus, but for the number of utterances and the seed; `sounds` None: all."""

    sounds: Sounds | None = None
    valence_gain: float
    cues: dict[str, Formula]
    contour: Contour
    speakers: dict[str, Speaker]
    durations: Durations
    dialogues: dict[str, Dialogue] = Field(min_length=1)
    moods: Moods
    raters: dict[str, Rater]
    words: Words
    disagreement: float = 0.0
    irregularities: Irregularities


def recipe_files(path: Path) -> list[Path]:
    """The files that a recipe stands in: its own, and the one that it extends.

    Raises:
        UserError: if it is missing or no YAML.
    """
    value = read_yaml(path)
    base = value.get(EXTENDS) if isinstance(value, dict) else None
    return [path] if not isinstance(base, str) else [path, path.parent / base]


def _extended(path: Path) -> Any:
    """A recipe's values over those of the recipe that it extends, which extends none."""
    own, *bases = recipe_files(path)
    value = read_yaml(own)
    if not bases:
        return value
    base = read_yaml(bases[0])
    if not isinstance(base, dict) or EXTENDS in base:
        raise UserError(f"{path} extends {bases[0]}, which is no recipe of its own; extend one that extends none.")
    return _over(base, {name: one for name, one in value.items() if name != EXTENDS})


def _over(base: dict[str, Any], value: dict[str, Any]) -> dict[str, Any]:
    """Values over others, key by key in what is nested."""
    nested = {
        name: _over(base[name], one) if isinstance(one, dict) and isinstance(base.get(name), dict) else one
        for name, one in value.items()
    }
    return base | nested


def load_recipe(path: Path) -> Recipe:
    """Read a recipe; one with the key `extends` says only in what it differs from another.

    Raises:
        UserError: if the file is missing or no YAML, or a key is unknown, missing or of another type.
    """
    recipe: Recipe = check(Recipe, _extended(path), str(path))
    speakers = [f"Ses0{session}{gender}" for session in range(1, 6) for gender in "FM"]
    _same_keys(f"{path}: cues", recipe.cues, CUES)
    _same_keys(f"{path}: speakers", recipe.speakers, speakers)
    named = {rater for dialogue in recipe.dialogues.values() for rater in dialogue.evaluators}
    if strangers := sorted((named | {SELF, CHOSEN_RATER}) - set(recipe.raters)):
        raise UserError(f"{path}: raters lacks {', '.join(strangers)}, who rates dialogues; add an entry.")
    return recipe


def _same_keys(where: str, found: Iterable[str], needed: Sequence[str]) -> None:
    unknown, missing = sorted(set(found) - set(needed)), sorted(set(needed) - set(found))
    if unknown:
        raise UserError(f"{where} has the unknown {', '.join(unknown)}; there are {', '.join(needed)}.")
    if missing:
        raise UserError(f"{where} lacks {', '.join(missing)}; add what is missing.")
