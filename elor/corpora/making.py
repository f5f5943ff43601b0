"""The demonstration corpus, made in a folder and read back."""

from pathlib import Path
from typing import Any

from elor.corpora.demo import generate, load_recipe, recipe_files
from elor.corpora.demo.recipe_schema import SELF
from elor.corpora.iemocap import check_range
from elor.corpora.labels import MEAN
from elor.corpora.reader import open_corpus
from elor.errors import UserError
from elor.files import digest, file_digest, scratch_folder

RECIPE = Path("data/demo.yaml")


def check_asked(recipe: Path, rater: str, low: float, high: float) -> None:
    """Refuse what the corpus of a recipe will not have, before it is spoken.

    Args:
        recipe: the recipe.
        rater: whose ratings are to be the labels.
        low, high: the declared range of the ratings.

    Raises:
        UserError: if the recipe is faulty, nobody in it is called so, or the range is not that of a release.
    """
    found = load_recipe(recipe)
    check_range(low, high)
    known = sorted(set(found.raters) - {SELF})
    if rater not in (MEAN, *known, *found.irregularities.self_reports):  # the last are refused with the reason, later
        raise UserError(
            f"labels.rater {rater} rated nothing in this corpus, which {recipe} makes; choose {', '.join(known)} or "
            f"{MEAN}, by labels.rater or --rater."
        )


UTTERANCES = 420
"""Turns of a corpus that nobody gave a size: half an hour of sound, 60 MB."""


def make_corpus(
    folder: Path, utterances: int = UTTERANCES, seed: int = 1, recipe: Path = RECIPE, force: bool = False
) -> dict[str, Any]:
    """Write the demonstration corpus: pseudo-speech with planted emotion, in IEMOCAP's layout.

    Args:
        folder: where to write it; made if need be. `release/` holds the corpus, truth.csv every planted value,
            segments.csv where speech and pauses are.
        utterances: turns; 420 are half an hour of sound and 60 MB.
        seed: another seed, other turns, moods and syllables.
        recipe: what is planted, by whom, and how it is rated.
        force: replace a corpus that stands there.

    Returns:
        What reading it back reported, as in metrics/corpus.json.

    Raises:
        UserError: if a corpus stands there (and not `force`), the recipe is faulty, or the disk is full.
    """
    plan = load_recipe(recipe)
    if (folder / "release").exists() and not force:
        raise UserError(f"{folder / 'release'} exists; choose another folder, or give --force to replace it.")
    generate(plan, utterances, seed, folder)
    return open_corpus(folder).read().report


def spoken(recipe: Path, utterances: int = UTTERANCES, seed: int = 1) -> Path:
    """The folder, in scratch, of the corpus that a recipe makes; made if it is not there yet.

    Raises:
        UserError: if the recipe is faulty, or the disk is full.
    """
    plan = load_recipe(recipe)
    folder = scratch_folder("corpora") / digest([*map(file_digest, recipe_files(recipe)), utterances, seed])
    if not (folder / "segments.csv").is_file():  # the last that is written
        generate(plan, utterances, seed, folder)
    return folder / "release"
