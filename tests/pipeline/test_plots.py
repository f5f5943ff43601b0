"""`dvc plots show` and `dvc plots diff`: the right charts of the right tables, on a page that loads nothing."""

from __future__ import annotations

import html
import json
import os
import re
import runpy
import shutil
import subprocess
from pathlib import Path
from urllib.parse import unquote

import pytest
from PIL import Image
from ruamel.yaml import YAML

from elor.report.page import CHARTS
from tests.worlds.dvc import dvc

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[2]
PLOTS = ROOT / "elor" / "report" / "vega"
BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
NETWORKS = ("elor", "lom", "ftr", "elor_ftr")
SEARCHED = NETWORKS[:3]
LISTENED = NETWORKS[:2]  # to altered slices
DIMENSIONS = ("arousal", "valence")
FOLDS = ("Ses01F", "Ses01M", "Ses02F")
EPOCHS = 4
CONFUSION = [(0, 0)] * 3 + [(0, 2)] + [(2, 2)] * 2 + [(4, 0)] * 5  # of four 0: 75 % hits; class 4 is never predicted
DETACHED = os.environ | {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}


def write(path: Path, columns: str, rows: list[tuple]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([columns, *(",".join(map(str, row)) for row in rows)]) + "\n")


def invent(repository: Path, gain: float) -> None:
    """Write small tables in the format of the stages `train@<net>` and `evaluate`."""
    data = repository / "plots" / "data"
    curve = "fold,epoch,selected,loss_valence,loss_arousal,validation_valence,validation_arousal,score"
    steps = [
        (f, e, int(e == 2), 1.5 - e / 9, 1.4 - e / 9, 0.2 + gain, 0.3 + gain) for f in FOLDS for e in range(EPOCHS)
    ]
    for network in NETWORKS:
        write(data / "curves" / f"{network}.csv", curve, [(*step, sum(step[-2:]) / 2) for step in steps])
        for dimension in DIMENSIONS:
            write(data / f"scores/confusion/{dimension}/{network}.csv", "actual,predicted", CONFUSION)
    tried = [(name, v, 0.3 + v / 9 + gain, v, 0.4 + gain, "Ses01F") for name in ("trial", "dropout") for v in range(3)]
    for network in SEARCHED:
        write(repository / f"data/tuning/{network}_search.csv", "hyperparameter,value,score,trial,best,fold", tried)
    moved = [
        ("gain", "dB", h, d, d / 20 + gain, d / 20 - 0.1, d / 20 + gain + 0.1) for h in DIMENSIONS for d in (-6, 0, 6)
    ]
    moved += [("low_pass", "octaves", head, dose, -gain, -1, 1) for head in DIMENSIONS for dose in range(3)]
    for network in LISTENED:
        write(data / f"interventions/{network}.csv", "intervention,unit,head,dose,change,low,high", moved)
    both = [(network, dimension) for dimension in DIMENSIONS for network in NETWORKS]
    cells = [(*key, a, b, 0.2 + gain, 0.2, 11, 3, "not shown") for key in both for a in "xy" for b in "xy" if a != b]
    columns = "network,dimension,trained_on,tested_on,value,chance,slices,speakers,verdict"
    write(data / "across/transfer.csv", columns, cells)
    folds = [(*key, fold, 11, 0.3 + gain, 0.4 + gain, 0.3, 0.1) for key in both for fold in FOLDS]
    write(data / "scores/folds.csv", "network,dimension,fold,slices,uar,war,macro_f1,kappa", folds)
    bins = [(*key, *row) for key in both for row in ((0.2, 0.4, 8, 0.35, 0.3 + gain), (0.4, 0.6, 0, "", ""))]
    write(data / "scores/reliability.csv", "network,dimension,low,high,count,confidence,accuracy", bins)
    (repository / "plots" / "figures").mkdir(exist_ok=True)
    Image.new("RGB", (40, 30), (round(255 * gain), 90, 160)).save(repository / "plots" / "figures" / "results.png")


def call(*command: str | Path, cwd: Path) -> str:
    done = subprocess.run(list(map(str, command)), cwd=cwd, env=DETACHED, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stderr


@pytest.fixture(scope="module")
def repository(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A git and DVC repository with this pipeline's plots, committed once and then changed."""
    path = tmp_path_factory.mktemp("plots") / "repository"
    shutil.copytree(PLOTS, path / "elor" / "report" / "vega")
    shutil.copytree(ROOT / ".dvc" / "plots", path / ".dvc" / "plots")
    for name in (".dvc/config", "dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, path / name)
    invent(path, gain=0.0)
    call("git", "init", "--quiet", cwd=path)
    call("git", "add", "--all", cwd=path)
    call("git", "-c", "user.name=Test", "-c", "user.email=", "commit", "--quiet", "--message", "tables", cwd=path)
    invent(path, gain=0.25)
    return path


def draw(repository: Path, *command: str) -> Path:
    """Return the page that `dvc plots <command>` wrote."""
    folder = repository.parent / "-".join(command)
    assert dvc(repository, "plots", *command, "--out", str(folder)) == 0
    return folder / "index.html"


@pytest.fixture(scope="module")
def shown(repository: Path) -> Path:
    return draw(repository, "show")


@pytest.fixture(scope="module")
def compared(repository: Path) -> Path:
    return draw(repository, "diff", "HEAD")


def charts(page: Path) -> dict[str, dict]:
    """Return what DVC passes to Vega, per id of the chart, without charts of DVC's own templates."""
    found = re.findall(r'<div id = "(\w+)">\s*<script[^>]*>\s*var spec = (.*);\n', page.read_text())
    specs = {name: json.loads(spec) for name, spec in found}
    return {name: spec for name, spec in specs.items() if "usermeta" in spec}


NAMES = {
    *(f"Training_of_{network}" for network in NETWORKS),
    *(f"Search_of_{network}" for network in SEARCHED),
    *(f"plots_data_scores_confusion_{dimension}_{network}_csv" for dimension in DIMENSIONS for network in NETWORKS),
    *(f"plots_data_interventions_{network}_csv" for network in LISTENED),
    "Scores_by_fold",
    "Reliability",
    "Transfer_between_corpora",
}


def test_every_chart_has_its_table(shown: Path):
    found = charts(shown)
    assert set(found) == NAMES
    rows = {"confusion": len(CONFUSION), "Training": len(FOLDS) * EPOCHS, "by_fold": len(FOLDS) * 8, "Search": 6}
    rows |= {"Transfer": 2 * 8, "Reliability": 2 * 8, "interventions": 2 * 2 * 3}
    for kind, count in rows.items():
        drawn = {name: len(spec["data"]["values"]) for name, spec in found.items() if kind in name}
        assert set(drawn.values()) == {count}, drawn
    assert "<DVC_METRIC" not in json.dumps(found)


def test_diff_holds_both_revisions(compared: Path):
    for name, spec in charts(compared).items():
        rows = spec["data"]["values"]
        assert {row["rev"] for row in rows} == {"HEAD", "workspace"}, name
    uar = {(row["rev"], row["uar"]) for row in charts(compared)["Scores_by_fold"]["data"]["values"]}
    assert uar == {("HEAD", "0.3"), ("workspace", "0.55")}


def test_page_refers_to_nothing_outside(shown: Path):
    page = shown.read_text()
    loaded = re.findall(r"""(?:src|href|action|data)\s*=\s*["']?(?:https?:)?//|@import|url\(\s*["']?http""", page)
    assert loaded == []
    assert "default-src 'none'" in page
    assert "unsafe-eval" not in page
    assert "jsdelivr" not in page


def test_page_is_assembled_from_its_source():
    libraries = runpy.run_path(str(PLOTS / "assemble.py"))["LIBRARIES"]
    page = (PLOTS / "page.html").read_text()
    inlined = r'(?:<script data-library="([\w.-]+)">\n.*?\n</script>\n?)'
    assert re.findall(inlined, page, re.DOTALL) == list(libraries)
    plain = re.sub(f"{inlined}+", "<!-- libraries -->\n", page, flags=re.DOTALL)
    plain = plain.replace(html.escape((PLOTS / "licences.txt").read_text()), "<!-- licences -->")
    assert plain == (PLOTS / "page.in.html").read_text(), "page.html is stale; run elor/report/vega/assemble.py"


def test_every_template_is_used():
    text = (ROOT / "dvc.yaml").read_text()
    used = set(re.findall(r"^\s+template: \S+/(\w+).json$", text, re.MULTILINE))
    assert used | set(CHARTS) == {path.stem for path in PLOTS.glob("*.json")}
    assert {"curves", "confusion", "reliability", "interventions"} <= used & set(CHARTS)  # one description each
    plots = YAML(typ="safe").load(text)["plots"]
    assert "plots/figures" in plots  # pictures need no template
    for plot in (one for one in plots if one != "plots/figures"):
        (options,) = plot.values()
        assert {"template", "x", "y", "x_label", "y_label"} <= set(options)


def browse(page: Path, profile: Path) -> tuple[str, list[str]]:
    """Return the page as a browser without a network leaves it, and its complaints.

    What Vega says about DVC's own template, which draws the plot outputs of stages once more, is no complaint.
    """
    known = '"WARN Infinite extent for field'
    switches = ["--headless", "--no-sandbox", "--disable-gpu", "--host-resolver-rules=MAP * ~NOTFOUND", "--dump-dom"]
    switches += [f"--user-data-dir={profile}", "--virtual-time-budget=30000", "--enable-logging=stderr", "--v=0"]
    assert BROWSER is not None
    done = subprocess.run([BROWSER, *switches, page.as_uri()], capture_output=True, text=True, timeout=120, check=True)
    return done.stdout, [line for line in done.stderr.splitlines() if "CONSOLE" in line and known not in line]


def cards(document: str) -> dict[str, str]:
    """Return each drawn chart's HTML by its id."""
    parts = re.split(r'<div id="(\w+)" class="card[^"]*">', document)[1:]
    return dict(zip(parts[::2], parts[1::2], strict=True))


needs_browser = pytest.mark.skipif(BROWSER is None, reason="no chromium on the PATH")


@needs_browser
@pytest.mark.parametrize(("which", "revisions"), [("shown", 1), ("compared", 2)])
def test_browser_draws_every_chart(which: str, revisions: int, request: pytest.FixtureRequest, tmp_path: Path):
    document, complaints = browse(request.getfixturevalue(which), tmp_path)
    assert complaints == []
    drawn = cards(document)
    assert set(drawn) >= NAMES
    charts = [card for card in drawn.values() if "<img" not in card]
    assert all("<svg" in card and 'class="card failed' not in card for card in charts)
    lines = drawn["Training_of_elor"].count('aria-roledescription="line mark"')
    assert lines == revisions * len(FOLDS) * 4  # two heads, validation and loss
    assert drawn["Scores_by_fold"].count('aria-roledescription="point"') == revisions * len(FOLDS) * 8 * 2
    assert drawn["Search_of_ftr"].count('aria-roledescription="point"') == revisions * 6
    assert drawn["Reliability"].count('aria-roledescription="point"') == revisions * 8
    moved = drawn["plots_data_interventions_lom_csv"]
    assert moved.count('aria-roledescription="point"') == revisions * 12
    assert moved.count('aria-roledescription="area mark"') == revisions * 4
    pictures = re.findall(r'<img[^>]*src="([^"]+)"', document[document.index('id="section-figures"') :])
    page = request.getfixturevalue(which)
    colours = {Image.open(page.parent / unquote(picture)).getpixel((0, 0))[0] for picture in pictures}
    assert colours == ({64} if revisions == 1 else {0, 64})  # the workspace's, and beside it that of HEAD
    matrix = re.findall(r"<text[^>]*>([^<]*)</text>", drawn["plots_data_scores_confusion_arousal_elor_csv"])
    assert matrix.count("75%") == matrix.count("25%") == revisions
    assert matrix.count("100%") == 2 * revisions  # classes 2 and 4
    assert "arousal: elor" in matrix
    assert [label for label in matrix if "n = " in label] == ["workspace, n = 11", "HEAD, n = 11"][:revisions]


@needs_browser
def test_browser_leaves_out_a_chart_without_table(repository: Path, tmp_path: Path):
    for path in (
        "data/tuning",
        "plots/data",
        "elor/report/vega",
        ".dvc/plots",
        ".dvc/config",
        "dvc.yaml",
        "params.yaml",
    ):
        copy = shutil.copytree if (repository / path).is_dir() else shutil.copy
        (tmp_path / "bare" / path).parent.mkdir(parents=True, exist_ok=True)
        copy(repository / path, tmp_path / "bare" / path)
    call("git", "init", "--quiet", cwd=tmp_path / "bare")
    (tmp_path / "bare/plots/data/scores/reliability.csv").unlink()
    document, complaints = browse(draw(tmp_path / "bare", "show"), tmp_path / "profile")
    assert complaints == []
    assert NAMES - set(cards(document)) == {"Reliability"}


@needs_browser
def test_browser_notices_what_is_loaded_from_elsewhere(shown: Path, tmp_path: Path):
    page = tmp_path / "page.html"
    page.write_text(shown.read_text().replace("</body>", '<script src="https://example.org/vega.js"></script></body>'))
    complaints = browse(page, tmp_path / "profile")[1]
    assert any("example.org" in complaint for complaint in complaints)
