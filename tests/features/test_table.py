"""Vectors from elsewhere: every slice gets its own, and what is wrong with a table is said in a sentence."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from elor.errors import UserError
from elor.features.table import vectors_of

SLICES = pd.DataFrame(
    {"slice": ["a_0", "a_1", "03_0", "b_0"], "utterance": ["a", "a", "03", "b"], "samples": [96_000, 60_000, 9, 96_000]}
)
NUMBERS = np.random.default_rng(0).normal(size=(5, 3)).astype(np.float32)


def write(path: Path, key: str, names: list[str], numbers: np.ndarray) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **{key: np.array(names), "vectors": numbers})
        return path
    table = pd.DataFrame(numbers, columns=[f"x{k}" for k in range(numbers.shape[1])])
    table.insert(1, key, names)  # anywhere
    table.to_csv(path, index=False) if path.suffix == ".csv" else table.to_parquet(path)
    return path


@pytest.mark.parametrize("suffix", ["csv", "parquet", "npz"])
def test_every_slice_gets_its_vector_in_the_order_of_the_slices(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"t.{suffix}", "slice", ["b_0", "other", "03_0", "a_1", "a_0"], NUMBERS)
    vectors, names = vectors_of(path, SLICES)
    assert vectors.dtype == np.float32
    np.testing.assert_array_equal(vectors, NUMBERS[[4, 3, 2, 0]])
    assert len(names) == 3
    path = write(tmp_path / f"u.{suffix}", "utterance", ["b", "03", "a"], NUMBERS[:3])
    np.testing.assert_array_equal(vectors_of(path, SLICES)[0], NUMBERS[[2, 2, 1, 0]])


def test_names_that_look_like_numbers_stay_names(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("utterance,e\na,1\n03,2\nb,3\n3,4\n")
    np.testing.assert_array_equal(vectors_of(path, SLICES)[0], [[1], [1], [2], [3]])


@pytest.mark.parametrize("suffix", ["csv", "npz"])
def test_the_number_of_a_row_is_no_feature(tmp_path: Path, suffix: str) -> None:
    names = ["a", "b", "03", *"cdefghi"]
    numbers = np.random.default_rng(0).normal(size=(10, 3)).astype(np.float32)
    numbers[:, 1] = np.arange(5, 15)
    with pytest.raises(UserError, match=r"has (x1|vectors_1) among its numbers"):
        vectors_of(write(tmp_path / f"t.{suffix}", "utterance", names, numbers), SLICES)


def test_the_finer_key_counts(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("utterance,slice,e\na,a_0,1\na,a_1,2\n03,03_0,3\nb,b_0,4\n")
    np.testing.assert_array_equal(vectors_of(path, SLICES)[0], [[1], [2], [3], [4]])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("utterance,e\na,1\nb,2\n", r"lacks 1 of 3 in the column utterance of data/slices\.csv \(03\)"),
        ("slice,e\na_0,1\n", r"lacks 3 of 4 in the column slice .* \(a_1, 03_0, b_0\)"),
        ("utterance,e\na,1\nb,2\n03,3\nb,4\n", "has b more than once; keep one row of each utterance"),
        (",utterance,e\n0,a,1\n1,b,2\n2,03,3\n", r"has Unnamed:_0 among its numbers"),
        ("utterance,Arousal,e,samples\na,1,1,7\nb,2,2,8\n03,3,9,1\n", r"has Arousal, samples among its numbers"),
        ("utterance,e\na,1\nb,\n03,3\n", r"has no finite number in e of b \(1 such in all\)"),
        ("utterance,e,f\na,1,2\nb,inf,NaN\n03,3,1\n", r"has no finite number in e of b \(2 such in all\)"),
        ("utterance,e\na,1e39\nb,2\n03,3\n", "has no finite number in e of a"),  # beyond float32
        ("utterance,e,emotion\na,1,sad\nb,2,angry\n03,3,sad\n", "something else than numbers in emotion"),
        ("utterance,e,f\na,1,2\nb,2,3,4\n03,3,5\n", "cannot be read .*; write it again"),  # one row is wider
        ("utterance,e,f\na,1,2\nb,2\n03,3,5\n", "no finite number in f of b"),  # one is narrower
        ("file,e\na.wav,1\n", "has file, e, but no slice or utterance beside its vectors"),
        ("utterance\na\nb\n03\n", "holds no vectors: it has 3 rows of 0 numbers"),
        ("utterance,e\n", "holds no vectors|something else"),
        ("", "cannot be read"),
    ],
)
def test_a_wrong_csv_is_a_sentence(tmp_path: Path, text: str, said: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(text)
    with pytest.raises(UserError, match=said) as error:
        vectors_of(path, SLICES)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("arrays", "said"),
    [
        ({"utterance": np.array(["a", "b", "03"]), "vectors": np.zeros(3)}, r"expected are names \(rows,\)"),
        ({"utterance": np.array(["a", "b"]), "vectors": np.zeros((3, 2))}, r"expected are names \(rows,\)"),
        ({"utterance": np.array(["a", "b", "03"]), "vectors": np.full((3, 2), "x")}, r"expected are names \(rows,\)"),
        ({"utterance": np.array(["a", "b", "03"])}, "but no slice or utterance beside its vectors"),
        ({"vectors": np.zeros((3, 2))}, "but no slice or utterance"),
        ({"slice": np.array([["a"], 3], dtype=object), "vectors": np.zeros((2, 2))}, "cannot be read"),  # a pickle
    ],
)
def test_wrong_arrays_are_a_sentence(tmp_path: Path, arrays: dict[str, np.ndarray], said: str) -> None:
    np.savez(tmp_path / "t.npz", **arrays)
    with pytest.raises(UserError, match=said):
        vectors_of(tmp_path / "t.npz", SLICES)


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.npz"])
def test_what_is_no_table_is_a_sentence(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        vectors_of(tmp_path / name, SLICES)
    (tmp_path / name).write_bytes(bytes(range(256)))
    with pytest.raises(UserError, match="cannot be read"):
        vectors_of(tmp_path / name, SLICES)
    with pytest.raises(UserError, match=r"ends in \.csv, \.parquet, \.npz"):
        vectors_of(tmp_path / "t.xlsx", SLICES)


def test_a_key_may_be_parquets_index(tmp_path: Path) -> None:
    table = pd.DataFrame({"e": [0.5, 0.25, 2.0]}, index=pd.Index(["a", "b", "03"], name="utterance"))
    table.to_parquet(tmp_path / "t.parquet")
    values, names = vectors_of(tmp_path / "t.parquet", SLICES)
    assert (values[:, 0].tolist(), names) == ([0.5, 0.5, 2.0, 0.25], ["e"])


@pytest.mark.parametrize("pack", [np.savez, np.savez_compressed])
def test_damaged_arrays_are_a_sentence(tmp_path: Path, pack: Callable[..., None]) -> None:
    path = tmp_path / "t.npz"
    pack(path, utterance=np.array(["a", "b", "03"]), vectors=np.random.default_rng(1).normal(size=(3, 99)))
    whole = path.read_bytes()
    for damaged in (whole[: len(whole) // 2], whole[:700] + bytes(50) + whole[750:]):
        path.write_bytes(damaged)
        with pytest.raises(UserError, match=r"cannot be read .*; write it again"):
            vectors_of(path, SLICES)
    with path.open("wb") as file:
        np.save(file, np.zeros((3, 2)))
    with pytest.raises(UserError, match="one array without a name"):
        vectors_of(path, SLICES)


@pytest.mark.filterwarnings("error")
def test_numbers_beyond_float32_are_one_sentence_without_warnings(tmp_path: Path) -> None:
    huge = np.full((3, 2), 1e300)
    pd.DataFrame(huge).assign(utterance=["a", "b", "03"]).to_csv(tmp_path / "t.csv", index=False)
    np.savez(tmp_path / "t.npz", utterance=np.array(["a", "b", "03"]), vectors=huge)
    for name in ("t.csv", "t.npz"):
        with pytest.raises(UserError, match="has no finite number in"):
            vectors_of(tmp_path / name, SLICES)


@pytest.mark.parametrize("backend", ["numpy_nullable", "pyarrow"])
def test_a_number_that_is_missing_in_a_nullable_column_is_named(tmp_path: Path, backend: str) -> None:
    table = pd.DataFrame({"utterance": ["a", "b", "03"], "e": [1, None, 3], "f": [0.5, 0.25, 0.125]})
    table.convert_dtypes(dtype_backend=backend).to_parquet(tmp_path / "t.parquet")
    with pytest.raises(UserError, match=r"has no finite number in.*e"):
        vectors_of(tmp_path / "t.parquet", SLICES)
    table.fillna(2).convert_dtypes(dtype_backend=backend).to_parquet(tmp_path / "t.parquet")
    np.testing.assert_array_equal(vectors_of(tmp_path / "t.parquet", SLICES)[0][:, 0], [1, 1, 3, 2])
