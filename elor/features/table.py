"""Vectors from elsewhere, one per utterance or slice, in place of openSMILE's: embeddings of a pretrained network, say.

A table is a CSV or Parquet file with a key and columns of numbers, or an `.npz` file with an array of the key's name
and one called `vectors`, (rows, width). The key is `slice`, as in `data/slices.csv`: one vector per slice; or it is
`utterance`: all slices of the utterance get its vector. If there are both, `slice` counts. Rows of what is no slice of
this corpus are left aside.
"""

import zipfile
import zlib
from pathlib import Path

import numpy as np
import pandas as pd

from elor.corpora.faults import some
from elor.errors import UserError
from elor.features.packed import packed
from elor.files import write_text
from elor.targets import HEADS

KEYS = ("slice", "utterance")
"""What a row may be for, the finer one first."""

FORMATS = (".csv", ".parquet", ".npz")

UNREADABLE = (OSError, ValueError, EOFError, ImportError, ArithmeticError, RuntimeError, zipfile.BadZipFile, zlib.error)
"""What readers raise of a file that is damaged or none of theirs; pandas' and pyarrow's errors are ValueErrors."""

COUNTED = 10
"""From so many rows on, a column that rises by one from row to row is their number."""


def write_vectors(vectors: np.ndarray, names: list[str], out: Path, names_out: Path) -> None:
    """Write what `vectors_of` returned: the `.npy` file, and the names of the numbers, one a line.

    Raises:
        UserError: if the disk is full.
    """
    with packed(out, vectors.shape, "float32") as array:
        array[:] = vectors
    write_text(names_out, "\n".join(names) + "\n")


def vectors_of(path: Path, slices: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """Read a table and give every slice its vector.

    Args:
        path: of the table.
        slices: rows of `slices.csv`.

    Returns:
        float32 (slices, width), and the names of the numbers.

    Raises:
        UserError: if the table cannot be read, has no key or no numbers, names something twice, lacks a slice, holds
            text, NaN or infinities, or has among its numbers a label, a column of slices.csv or its rows' numbers.
    """
    key, rows, values, names = _read(path)
    if known := _no_features(values, names, slices):
        raise UserError(
            f"{path} has {some(known, 5)} among its numbers: labels, columns of slices.csv and numbers of rows are no "
            "features; leave such columns out, or rename yours if it is none of these."
        )
    if twice := list(rows[rows.duplicated()].unique()):
        raise UserError(f"{path} has {some(twice, 5)} more than once; keep one row of each {key}.")
    wanted = slices[key].drop_duplicates()
    if absent := list(wanted[~wanted.isin(rows)]):
        raise UserError(
            f"{path} lacks {len(absent):,} of {len(wanted):,} in the column {key} of data/slices.csv "
            f"({some(absent, 5)}); add a row for each."
        )
    found = values[pd.Index(rows).get_indexer(slices[key])]
    if len(odd := np.argwhere(~np.isfinite(found))):
        row, column = odd[0]
        raise UserError(
            f"{path} has no finite number in {names[column]} of {slices[key].iloc[row]} ({len(odd):,} such in all); "
            "every vector must be complete."
        )
    return found, names


def _no_features(values: np.ndarray, names: list[str], slices: pd.DataFrame) -> list[str]:
    """The columns that tell whose slice it is, or the answer: by their names, or as they count the rows."""
    taken = {*slices.columns, *HEADS, "index"}
    counts = len(values) >= COUNTED and np.all(np.diff(values, axis=0) == 1, axis=0)
    return [
        name
        for name, counting in zip(names, np.broadcast_to(counts, len(names)), strict=True)
        if counting or name.lower() in taken or name.startswith("Unnamed:")
    ]


def _read(path: Path) -> tuple[str, pd.Series, np.ndarray, list[str]]:
    """The key, whom each row is for, float32 (rows, width), and the names of the numbers."""
    if path.suffix not in FORMATS:
        raise UserError(f"features.table is {path}; give a file that ends in {', '.join(FORMATS)}.")
    try:
        if path.suffix == ".npz":
            return _arrays(path)
        text = dict.fromkeys(KEYS, "str")
        table = pd.read_csv(path, dtype=text) if path.suffix == ".csv" else pd.read_parquet(path)
        if table.index.name in KEYS:  # as pandas writes Parquet of what `set_index` made
            table = table.reset_index()
    except UNREADABLE as error:
        raise UserError(f"{path} cannot be read ({' '.join(str(error).split())[:200]}); write it again.") from None
    if (key := next((name for name in KEYS if name in table), None)) is None:
        raise _without_key(path, list(map(str, table.columns)))
    numbers = table.drop(columns=[name for name in KEYS if name in table])
    names = ["_".join(str(name).split()) for name in numbers.columns]
    if wrong := [name for name, kind in zip(names, numbers.dtypes, strict=True) if kind.kind not in "iuf"]:
        raise UserError(f"{path} holds something else than numbers in {some(wrong, 5)}; leave such columns out.")
    return key, *_checked(path, table[key], numbers.to_numpy(np.float64, na_value=np.nan)), names


def _arrays(path: Path) -> tuple[str, pd.Series, np.ndarray, list[str]]:
    found = np.load(path, allow_pickle=False)
    if isinstance(found, np.ndarray):
        raise ValueError("it holds one array without a name")
    with found as file:
        if (key := next((name for name in KEYS if name in file), None)) is None or "vectors" not in file:
            raise _without_key(path, file.files)
        rows, values = file[key], file["vectors"]
    if values.ndim != 2 or values.dtype.kind not in "iuf" or rows.shape != values.shape[:1]:
        raise UserError(
            f"{path} holds {key} {rows.shape} and vectors {values.dtype} {values.shape}; expected are names (rows,) "
            "and numbers (rows, width)."
        )
    rows, values = _checked(path, pd.Series(rows.astype(str)), values)
    return key, rows, values, [f"vectors_{number}" for number in range(values.shape[1])]


def _checked(path: Path, rows: pd.Series, values: np.ndarray) -> tuple[pd.Series, np.ndarray]:
    if not values.size:
        raise UserError(f"{path} holds no vectors: it has {values.shape[0]:,} rows of {values.shape[1]:,} numbers.")
    with np.errstate(over="ignore"):  # an infinity is found out where it matters
        return rows.astype(str), values.astype(np.float32)


def _without_key(path: Path, names: list[str]) -> UserError:
    return UserError(
        f"{path} has {some(names, 5) or 'nothing'}, but no {' or '.join(KEYS)} beside its vectors; "
        "name what each row is for."
    )
