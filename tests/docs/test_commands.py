"""Every command of README.md and docs/ works.

`elor` and Python are run in a toy workspace, page by page and from top to bottom; what would train for hours is checked
by the parsers of DVC and make, and its parameters by ours.
"""

from __future__ import annotations

import re
import shlex
import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from dvc.cli.parser import get_main_parser
from dvc.repo import Repo
from dvc.utils.hydra import apply_overrides
from typer.main import get_command
from typer.testing import CliRunner

from elor.commands import app
from elor.params import load
from tests.docs.blocks import SHELLS, SILENT, Block, blocks
from tests.docs.place import ROOT, make_place

pytestmark = pytest.mark.long

DOCS = sorted((ROOT / "docs").glob("*.md"))
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "benchmarks" / "README.md", *DOCS]
BLOCKS = [block for page in PAGES for block in blocks(page)]
STEPS = [
    (block, text)
    for block in BLOCKS
    for text in (block.commands() if block.language in SHELLS else [block.text] if block.language == "python" else [])
]

EXEMPT = {
    "elor corpus vectors torchaudio.pipelines:WAV2VEC2_BASE.get_model --output vectors/wav2vec2.npz": "loads weights",
    "elor corpus vectors torchaudio.pipelines:WAVLM_BASE.get_model --layer 9 --output vectors/wavlm.npz": "likewise",
    "pip install dask-jobqueue": "installs a package from the internet",
    "python cluster.py &": "needs a Slurm cluster; the program below it is compiled",
}
"""Commands that are not run, and why."""

LONG = {"selfcheck": "trains networks for minutes"}
"""Verbs of elor of which only the options are checked here, and why."""

COMPILED = ("dask_jobqueue", "elor.selfcheck(")
"""Python that needs a cluster, or trains networks for minutes: it is only compiled here."""


OTHERS = (
    "metrics/across.json",
    "metrics/cost",
    "metrics/war.json",
    "metrics/interventions.json",
    "metrics/claims.json",
    "metrics/prototypes.json",
)
"""Files that a run writes and that need not be here yet."""


def title(block: Block, text: str) -> str:
    return f"{block.page.stem}: {text.splitlines()[0][:60]}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_place(tmp_path_factory.mktemp("place"))


@pytest.fixture(autouse=True)
def there(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(place)
    monkeypatch.syspath_prepend(place)
    monkeypatch.setenv("ELOR_SCRATCH", str(place / "scratch"))


@pytest.fixture(scope="module")
def names() -> dict[Path, dict[str, Any]]:
    """The names that a page's Python has made so far."""
    return {page: {"__name__": "__main__"} for page in PAGES}


@pytest.mark.parametrize(("block", "text"), STEPS, ids=[title(*pair) for pair in STEPS])
def test_step(block: Block, text: str, place: Path, names: dict[Path, dict[str, Any]]) -> None:
    if text in EXEMPT:
        return
    if block.language == "python":
        run_python(text, names[block.page])
    elif "<<" in text:
        check_heredoc(text)
    else:
        command = text.replace("/where/", f"{place}/where/").replace("$(hostname)", "head")
        words = shlex.split(command, comments=True)
        assert words[0] in RUN, f"{block.page.name}: nobody checks {text!r}"
        RUN[words[0]](words[1:], block)


def run_python(text: str, names: dict[str, Any]) -> None:
    program = compile(text, "a page", "exec")
    if not any(name in text for name in COMPILED):
        exec(program, names)


def run_elor(words: list[str], block: Block) -> None:
    if words[0] in LONG:
        get_command(app).commands[words[0]].make_context(words[0], words[1:])  # refuses what it does not know
        return
    result = CliRunner().invoke(app, expanded(words), catch_exceptions=False)
    assert result.exit_code == 0, result.output


def expanded(words: list[str]) -> list[str]:
    """Patterns such as `*.wav`, as a shell does it."""
    return [name for word in words for name in (sorted(map(str, Path().glob(word))) if "*" in word else [word])]


def check_dvc(words: list[str], block: Block) -> None:
    """DVC's own parser takes the options; parameters, stages and files exist, values are of their type."""
    arguments = vars(get_main_parser().parse_args(words))
    settings = arguments.get("set_param") or []
    shutil.copy(ROOT / "params.yaml", "changed.yaml")
    before = keys(load(Path("changed.yaml")).model_dump(by_alias=True))
    for name, _, value in (text.partition("=") for text in settings):
        assert name in before, f"{name} is no parameter"
        if name == "corpus.path" and block.page.parent.name == "docs":
            for one in value.strip("[]").split(", "):
                assert Path(one).exists(), f"{one} was made by no command before"
    apply_overrides(Path("changed.yaml"), settings)
    load(Path("changed.yaml"))
    if arguments["func"].__name__ in ("CmdRepro", "CmdExperimentsRun"):
        known = stages()
        assert {name for name in arguments["targets"] if name not in known} == set()
    if arguments["func"].__name__ == "CmdMetricsShow":
        assert all((ROOT / name).exists() for name in arguments["targets"])


@cache
def stages() -> set[str]:
    """Names of all stages of dvc.yaml."""
    return {stage.name for stage in Repo(str(ROOT)).index.stages}


def keys(value: Any, above: str = "") -> set[str]:
    """The dotted names of everything in nested mappings."""
    if not isinstance(value, dict):
        return {above}
    below = [keys(item, f"{above}.{name}" if above else str(name)) for name, item in value.items()]
    return {above}.union(*below) if above else set().union(*below)


def check_make(words: list[str], block: Block) -> None:
    done = subprocess.run(["make", "--dry-run", *words], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def check_export(words: list[str], block: Block) -> None:
    assert re.fullmatch(r"ELOR_SCRATCH=\S+", " ".join(words))


def check_heredoc(command: str) -> None:
    first, *program = command.splitlines()[:-1]
    assert first.startswith("python - <<")
    compile("\n".join(program), first, "exec")


RUN: dict[str, Callable[[list[str], Block], None]] = {
    "elor": run_elor,
    "dvc": check_dvc,
    "make": check_make,
    "export": check_export,
}


def test_nothing_is_skipped_in_silence() -> None:
    assert {block.language for block in BLOCKS} <= {*SHELLS, *SILENT, "python"}
    found = {text for _, text in STEPS}
    assert set(EXEMPT) <= found, "an exemption that nothing needs"
    assert len(found) > 40
    plain = sum(text.count("```") for text in map(Path.read_text, PAGES))
    assert plain == 2 * len(BLOCKS), "a block without a language, or not closed"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_and_files_exist(page: Path) -> None:
    text = page.read_text()
    links = [link for link in re.findall(r"\]\(([^)#]+)", text) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []
    code = re.findall(r"`([\w./]+/[\w./]*)`", text)
    named = [name for name in code if re.match(r"(elor|stages|tests|benchmarks|metrics|docs)/", name)]
    assert [name for name in named if not (ROOT / name).exists() and not name.startswith(OTHERS)] == []


def verbs() -> list[str]:
    """All commands, those of groups as two words."""
    found = [command.name or command.callback.__name__ for command in app.registered_commands]
    for group in app.registered_groups:
        inner = group.typer_instance.registered_commands
        above = group.typer_instance.info.name
        found += [f"{above} {command.name or command.callback.__name__}" for command in inner]
    return found


@pytest.mark.parametrize("verb", verbs())
def test_every_verb_is_documented_and_has_examples(verb: str) -> None:
    assert any(f"elor {verb}" in text for _, text in STEPS), f"no page shows elor {verb}"
    shown = CliRunner().invoke(app, [*verb.split(), "--help"])
    assert shown.exit_code == 0
    assert f"elor {verb}" in shown.stdout.split("Examples")[1]


def test_every_page_answers_one_question_and_is_short() -> None:
    names = {page.stem for page in DOCS}
    assert names >= {"use-my-iemocap", "use-my-corpus", "explain-my-network", "run-on-slurm", "read-the-report"}
    assert names >= {"add-a-network", "add-a-corpus"}
    for page in DOCS:
        if page.stem == "evidence":  # written by benchmarks.evidence from the models, to be looked up
            continue
        written = re.sub(r"<!-- bench:(\S+) -->.*?<!-- /bench:\1 -->", "", page.read_text(), flags=re.DOTALL)
        assert written.startswith("# ")
        assert len(written.splitlines()) < 120


def test_the_readme_is_read_in_five_minutes() -> None:
    text = (ROOT / "README.md").read_text()
    assert len(text.splitlines()) <= 150
    assert len(text.encode()) <= 8_000
    assert "../shared" not in text, "a newcomer has no such folder"


def test_every_page_is_linked_from_the_readme() -> None:
    linked = set(re.findall(r"\]\(docs/([\w-]+)\.md", (ROOT / "README.md").read_text()))
    assert linked == {page.stem for page in DOCS}
