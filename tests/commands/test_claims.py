"""`elor claims`: the table in three formats, and beside another revision."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest

from elor.evidence.claims import Claims
from elor.evidence.model import read, write
from elor.explain.claims.rows import claims
from elor.report.sentences import ROLES, piece_line, sentence
from tests.explain.claimed import facts


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A revision `shuffled` in which nothing was learned, below a workspace in which all claims hold."""
    monkeypatch.chdir(tmp_path)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@t"]
    write(tmp_path / "metrics/claims.json", claims(facts(-1, learned=0.5), shuffled=True))
    for command in (["init", "-q"], ["add", "-A"], ["commit", "-qm", "shuffled"], ["tag", "shuffled"]):
        subprocess.run([*git, *command], check=True)
    write(tmp_path / "metrics/claims.json", claims(facts(1)))
    return tmp_path


def row(output: str, name: str) -> list[str]:
    return next(line for line in output.splitlines() if line.startswith(name)).split()


def test_the_table_has_every_claim_with_its_numbers_and_its_sentence(elor, repository: Path) -> None:
    result = elor("claims")
    assert result.exit_code == 0
    assert row(result.output, "amplitude-arousal") == [
        "amplitude-arousal",
        "holds",
        *("0.50", "(r;", "ours", "0.50)"),
        "2.00",
        *("-0.20", "to", "0.20"),
        "<0.001",
        "<0.001",
        *("SD", "of", "answers"),
    ]
    assert "25 claims of the paper: 23 hold, 1 contradicted, 1 undecided" in result.output
    written = elor("claims", "--format", "markdown").output
    family = read(Claims, repository / "metrics/claims.json").family
    for claim in read(Claims, repository / "metrics/claims.json").claims:
        assert row(result.output, claim.id)[1] == claim.verdict.split()[0]
        assert f"- {sentence(claim, family)}" in written.splitlines()
        for piece in claim.evidence:
            assert f"- {ROLES[piece.role]}: {piece_line(piece, family.level)}" in written.splitlines()


def test_the_table_fits_80_columns_and_json_is_the_file(elor, repository: Path) -> None:
    text = elor("claims", columns=80).output
    assert max(map(len, text.splitlines())) <= 80
    assert "  paper 0.50 (r; ours 0.50), ours 2.00, control -0.20 to 0.20, p <0.001," in text.splitlines()
    assert Claims.model_validate(json.loads(elor("claims", "--json").output)) == read(
        Claims, repository / "metrics/claims.json"
    )


def test_beside_the_shuffled_control(elor, repository: Path) -> None:
    output = elor("claims", "--against", "shuffled").output
    beside = output[output.index("Beside shuffled") :]
    assert "Beside shuffled (labels shuffled within speakers: the control of these claims)" in beside
    assert row(beside, "arousal-rate")[:3] == ["arousal-rate", "holds", "not"]
    assert row(beside, "arousal-easier")[:3] == ["arousal-easier", "holds", "not"]
    table = beside[: beside.index("In words")]
    assert not {"rater-balanced", "extreme-valence-aroused", "mfcc-amplitude"} & set(table.split())


def test_beside_another_run_stand_all_claims(elor, repository: Path) -> None:
    commit = ["git", "-c", "user.name=t", "-c", "user.email=t@t", "commit", "-qam", "other"]
    subprocess.run(commit, check=True, cwd=repository)
    write(repository / "metrics/claims.json", claims(facts(1, learned=0.5)))
    output = elor("claims", "--against", "HEAD").output
    beside = output[output.index("Beside HEAD") :]
    assert row(beside, "rater-balanced")[:3] == ["rater-balanced", "holds", "holds"]


def test_the_other_runs_claims_are_in_its_own_metrics(elor, repository: Path) -> None:
    elsewhere = repository.parent / "elsewhere"
    write(elsewhere / "claims.json", claims(facts(-1, learned=0.5)))
    output = elor("claims", "--metrics", elsewhere, "--against", "HEAD").output
    assert "Beside HEAD" in output


def test_a_run_is_not_set_beside_itself(elor, repository: Path) -> None:
    """As when `dvc exp run` has left the control's results in the workspace."""
    write(repository / "metrics/claims.json", claims(facts(-1, learned=0.5), shuffled=True))
    result = elor("claims", "--against", "shuffled")
    assert result.exit_code == 1
    assert "metrics/claims.json is that of shuffled" in " ".join(result.output.split())


def test_a_shuffled_run_says_so_of_itself(elor, repository: Path) -> None:
    write(repository / "metrics/claims.json", claims(facts(1), shuffled=True))
    assert "labels shuffled within speakers" in elor("claims").output


@pytest.mark.parametrize(
    ("how", "mark"), [("markdown", "| claim | verdict |"), ("latex", r"\begin{tabular}{llrrrrrr}")]
)
def test_formats(how: str, mark: str, elor, repository: Path) -> None:
    assert mark in elor("claims", "--format", how).output


def test_what_is_not_there_is_named(elor, repository: Path) -> None:
    assert "cannot be read" in elor("claims", "--against", "nowhere").output
    (repository / "metrics/claims.json").unlink()
    result = elor("claims")
    assert result.exit_code == 1
    assert "claims.json does not exist" in result.output
