"""Checkpoints: whatever happens to a byte of one, it is never gone on with in silence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from elor.errors import UserError
from elor.training import weights_file

TENSORS = {"network.weight": torch.arange(12.0).reshape(3, 4), "best.count": torch.tensor(3), "none": torch.zeros(0, 2)}
NOTES = {"epoch": 3, "kept": 1, "stopped": False, "history": [{"score": 0.25, "loss": 1.5}], "audit": []}


def test_what_was_saved_comes_back(tmp_path: Path) -> None:
    weights_file.save(tmp_path / "state", TENSORS, NOTES)
    tensors, notes = weights_file.load(tmp_path / "state", sealed=True)
    assert notes == NOTES
    assert tensors.keys() == TENSORS.keys()
    assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items())


def test_every_changed_byte_is_noticed(tmp_path: Path) -> None:
    path = tmp_path / "state"
    weights_file.save(path, TENSORS, NOTES)
    whole, draw = path.read_bytes(), np.random.default_rng(15)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= int(draw.integers(1, 256))
        path.write_bytes(damaged)
        try:
            tensors, notes = weights_file.load(path, sealed=True)
        except UserError:
            continue
        assert notes == NOTES, f"byte {place}"  # white space between two words of JSON carries nothing
        assert all(torch.equal(tensors[name], value) for name, value in TENSORS.items()), f"byte {place}"


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_cut_file_is_damaged(tmp_path: Path, share: float) -> None:
    path = tmp_path / "state"
    weights_file.save(path, TENSORS, NOTES)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(UserError, match="is damaged"):
        weights_file.load(path)


def test_a_file_of_others_needs_no_checksum_but_where_one_is_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file(TENSORS, path, {"notes": '{"fold": "a"}'})
    assert weights_file.load(path)[1] == {"fold": "a"}
    with pytest.raises(UserError, match="its checksum is another"):
        weights_file.load(path, sealed=True)
