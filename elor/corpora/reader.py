"""Finding out what a path holds: an IEMOCAP release, or a manifest."""

from pathlib import Path

from elor.corpora import iemocap
from elor.corpora.iemocap import Iemocap
from elor.corpora.manifest import Manifest
from elor.corpora.schema import Reader
from elor.errors import UserError


def expanded(path: Path) -> Path:
    """The path with `~` as the home folder; as it is where nobody is called so."""
    try:
        return path.expanduser()
    except RuntimeError:
        return path


def open_corpus(
    path: Path,
    *,
    partial: bool = False,
    low: float = 1.0,
    high: float = 5.0,
    stereo: str = "error",
    words: bool = False,
    keep: str = "",
) -> Reader:
    """Open a source of rated speech; reads no annotation and no sound yet.

    Args:
        path: an IEMOCAP release (the folder of `Session1` .. `Session5`, or one up to two levels above it), or a
            manifest `*.csv`.
        partial: go on without files that are missing.
        low: lower end of the range of the ratings.
        high: upper end.
        stereo: what several channels become: `error`, `mean`, `left` or `right`.
        words: read what was said, too.
        keep: a column of a manifest that utterances are to have beside their own.

    Raises:
        UserError: if the path is neither, is a single session, or the range is not the release's.
    """
    path = expanded(Path(path))
    if not path.exists():
        raise UserError(f"The corpus {path} does not exist{_where(path)}.")
    if path.is_file():
        if path.suffix.lower() != ".csv":
            raise UserError(f"{path} is no corpus; set corpus.path to an IEMOCAP root or a manifest CSV.")
        return Manifest(path, partial, low, high, stereo, words, keep)
    root = iemocap.find_root(path)
    if root is not None:
        iemocap.check_range(low, high)
        return Iemocap(root, partial, stereo, words)
    if iemocap.is_session(path):
        raise UserError(
            f"{path} is one session of IEMOCAP; set corpus.path to the folder above it, {path.absolute().parent}."
        )
    tables = sorted(path.glob("*.csv"))
    hint = f"; did you mean {tables[0]}?" if tables else "; set corpus.path to an IEMOCAP root or a manifest CSV."
    raise UserError(f"{path} holds no folders Session1 to Session5{hint}")


def _where(path: Path) -> str:
    """What to do about a corpus that is not there."""
    advice = "; set corpus.path to an IEMOCAP root or a manifest CSV"
    if path.is_symlink():
        return f": it is a link to {path.readlink()}{advice}"
    here = Path.cwd()
    if path.is_absolute() or ".dvc" not in here.parts:
        return advice
    project = Path(*here.parts[: here.parts.index(".dvc")])  # the copy lies below its .dvc/tmp/exps
    return (
        f" below {here}, the copy of the project in which dvc exp run --temp and --queue work; set corpus.path to the "
        f"absolute path, {project / path}"
    )
