"""What dvc.yaml declares is what the code imports and reads, both ways, without running anything."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
from dvc.repo import Repo

from elor.params import Train
from elor.sections import read_yaml
from elor.training.train import CODE
from stages import inputs

ROOT = Path(__file__).parents[2]

EXEMPT = {
    "elor/__init__.py": "says what the package is",
    "elor/arithmetic.py": "its settings are in elor/portable_environment.py, the choice in params.yaml",
    "elor/corpora/__init__.py": "says what the package is",
    "elor/corpora/faults.py": "the wording of mistakes",
    "elor/errors.py": "the wording of mistakes",
    "elor/evaluation/__init__.py": "says what the package is",
    "elor/evidence/__init__.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/across.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/agreement.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/claims.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/comparisons.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/corpus.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/interventions.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/model.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/names.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/protocol.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/prototypes.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/tables.py": "keeps what stands in metrics/, and changes no number",
    "elor/evidence/saliency.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/scores.py": "checks what stands in metrics/, and changes no number",
    "elor/evidence/words.py": "checks what stands in metrics/, and changes no number",
    "elor/explain/__init__.py": "says what the package is",
    "elor/explain/interventions/__init__.py": "says what the package is",
    "elor/explain/prototypes/__init__.py": "says what the package is",
    "elor/features/__init__.py": "says what the package is",
    "elor/files.py": "atomic writes and digests",
    "elor/corpus_params.py": "checks params.yaml; the values are declared one by one",
    "elor/params.py": "checks params.yaml; the values are declared one by one",
    "elor/sections.py": "reads YAML and checks keys; the values are declared one by one",
    "elor/registry.py": "names; what a network reads, dvc.yaml declares too (compared below)",
    "elor/progress.py": "bars and lines",
    "elor/provenance.py": "what is said of trained networks; changes no number",
    "elor/tables.py": "CSV back and forth, to the digits asked for (tested)",
    "elor/training/__init__.py": "says what the package is",
    "elor/training/budget.py": "refuses work that is too long, or lets it be",
    "elor/training/weights_file.py": "safetensors back and forth, bit for bit (tested)",
    "elor/engine.py": "where jobs run never changes a result (tested)",
    "elor/training/memory.py": "how many jobs fit at a time never changes a result",
    "elor/training/resume.py": "a resumed training ends with the same numbers (tested)",
    "stages/__init__.py": "the door of every stage",
    "stages/inputs.py": "watches over the declared inputs, and stops",
    "stages/cost.py": "time and memory",
}
"""Modules that cannot change a number: a stage need not declare them, so that a better message retrains nothing."""

EXEMPT_PARAMS = {"engine"}
"""Where jobs run; never changes a result."""


@pytest.fixture(scope="module")
def stages() -> dict[str, tuple[str, set[str], set[str]]]:
    """Per stage its script, its dependencies and its parameters."""
    found = {}
    for stage in Repo(str(ROOT)).index.stages:
        script = "stages/" + re.match(r"python -m stages\.(\w+)", stage.cmd)[1] + ".py"
        deps = {dep.def_path for dep in stage.deps if not dep.is_in_repo or dep.protocol == "local"}
        params = {name for dep in stage.params for name in dep.params}
        found[stage.addressing] = (script, deps - {"params.yaml"}, params)
    return found


@cache
def imported(path: Path) -> frozenset[str]:
    """The project's modules that a file imports, wherever in the file it does."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            parts = name.split(".")
            if parts[0] in ("elor", "stages"):
                for depth in range(1, len(parts) + 1):
                    base = Path(*parts[:depth])
                    found |= {str(p) for p in (base.with_suffix(".py"), base / "__init__.py") if (ROOT / p).is_file()}
    return frozenset(found)


@cache
def closure(script: str) -> frozenset[str]:
    """All modules that running a script loads, but for those that only check params.yaml."""
    seen, queue = set(), [script]
    while queue:
        current = queue.pop()
        if current not in seen:
            seen.add(current)
            queue += imported(ROOT / current) if current != "elor/params.py" else ()  # its values are declared instead
    return frozenset(seen)


def covers(dep: str, module: str) -> bool:
    """Whether a dependency is a module or a folder of it."""
    return module == dep or module.startswith(f"{dep}/")


def test_every_module_that_decides_numbers_is_declared(stages) -> None:
    missing = {
        f"{name}: {module}"
        for name, (script, deps, _) in stages.items()
        for module in closure(script) - set(EXEMPT)
        if not any(covers(dep, module) for dep in deps) and name != "sources"  # always runs
    }
    assert not missing, "imported but not declared in dvc.yaml: " + ", ".join(sorted(missing))


def test_unfinished_training_is_of_the_modules_that_decide_its_numbers() -> None:
    """The scratch folder of a training is named after them: work of another version of one is not gone on with."""
    needed = closure("elor/training/loop.py") | closure("elor/training/together.py")
    assert not [one for one in needed - set(EXEMPT) if not any(covers(f"elor/{name}", one) for name in CODE)]


def test_what_stages_watch_over_is_what_dvc_records(stages) -> None:
    """`stages.inputs` fills in DVC's templates itself, since importing DVC takes seconds."""
    pipeline, params = read_yaml(ROOT / "dvc.yaml"), read_yaml(ROOT / "params.yaml")
    for name, (_, deps, keys) in stages.items():
        watched, wanted = inputs.declared(name, pipeline, params)
        assert (set(watched), set(wanted)) == (deps, keys), name


def test_nothing_is_declared_that_is_not_imported(stages) -> None:
    idle = {
        f"{name}: {dep}"
        for name, (script, deps, _) in stages.items()
        for dep in deps
        if dep.startswith(("elor", "stages")) and not any(covers(dep, module) for module in closure(script))
    }
    assert not idle, "declared in dvc.yaml but not imported: " + ", ".join(sorted(idle))


def test_another_package_or_arithmetic_reruns_every_stage_and_draws_no_arrow(stages) -> None:
    made = {out.def_path for stage in Repo(str(ROOT)).index.stages for out in stage.outs}
    for name, (_, deps, params) in stages.items():
        if name != "sources":  # runs each time
            assert {"requirements-numbers.lock", "elor/portable_environment.py"} <= deps - made, name
            assert "arithmetic" in params, name


def test_exempt_modules_exist() -> None:
    assert all((ROOT / module).is_file() for module in EXEMPT)


def read_params(script: str) -> set[str]:
    """The parameters that a stage's scripts read: every chain of attributes that starts at the name `params`."""
    chains = set()
    for module in closure(script):
        if not module.startswith("stages/"):
            continue
        for node in ast.walk(ast.parse((ROOT / module).read_text())):
            chain, inner = [], node
            while isinstance(inner, ast.Attribute):
                chain.append(inner.attr)
                inner = inner.value
            if chain and isinstance(inner, ast.Name) and inner.id == "params":
                chains.add(".".join(reversed(chain)))
            if (  # load().corpus
                chain and isinstance(inner, ast.Call) and isinstance(inner.func, ast.Name) and inner.func.id == "load"
            ):
                chains.add(".".join(reversed(chain)))
    return chains - {"scale"} - EXEMPT_PARAMS - {c for c in chains if c.split(".")[0] in EXEMPT_PARAMS}


def matches(read: str, declared: str) -> bool:
    """Whether a chain of attributes and a declared key mean the same part of the file."""
    key = re.sub(r"^scale\.(demo|lab|paper)\.", "scale.", declared)
    return f"{key}.".startswith(f"{read}.") or f"{read}.".startswith(f"{key}.")


def test_every_parameter_that_is_read_is_declared(stages) -> None:
    missing = {
        f"{name}: {read}"
        for name, (script, _, params) in stages.items()
        for read in read_params(script)
        if not any(matches(read, declared) for declared in params)
    }
    assert not missing, "read but not declared in dvc.yaml: " + ", ".join(sorted(missing))


def test_every_declared_parameter_is_read(stages) -> None:
    idle = {
        f"{name}: {declared}"
        for name, (script, _, params) in stages.items()
        for declared in params
        if not any(matches(read, declared) for read in read_params(script))
    }
    assert not idle, "declared in dvc.yaml but not read: " + ", ".join(sorted(idle))


def test_a_search_depends_on_all_that_trains_but_the_number_of_seeds(stages) -> None:
    """Its trials have one seed: more networks per fold need no new search."""
    declared = {name for name in stages["tune@ftr"][2] if f"{name}.".startswith("train.")}
    assert declared == {f"train.{name}" for name in set(Train.model_fields) - {"seeds"}}
    assert "train" in stages["train@ftr"][2]


def test_the_check_would_notice_a_missing_module_and_parameter(stages) -> None:
    script, _, _ = stages["train@ftr"]
    assert "elor/training/loop.py" in closure(script)
    assert "elor/corpora/labels.py" in closure("stages/labels.py")
    assert {"seed", "train", "labels.asked"} <= read_params(script)


def test_every_stage_has_a_description_and_keeps_licensed_data_at_home(stages) -> None:
    licensed = (
        "data/corpus",
        "data/utterances",
        "data/ratings",
        "data/slices",
        "data/targets",
        "data/mfcc",
        "data/is10.npy",
        "data/pred",
        "data/saliency",
        "data/prototypes",
        "plots/figures",
        "plots/paper",
        "plots/report.html",
    )
    for stage in Repo(str(ROOT)).index.stages:
        assert stage.desc, stage.addressing
        outs = {out.def_path: out for out in stage.outs}
        for path, out in outs.items():
            if path.startswith((*licensed, "data/audit", "data/sources", "data/table")):
                assert not out.can_push, path


def test_imports_point_one_way() -> None:
    order = ["corpora", "features", "networks", "training", "evaluation", "explain", "report", "api", "commands"]
    level = {name: index for index, name in enumerate(order)} | {"evaluation": order.index("training")}
    for path in (ROOT / "elor").rglob("*.py"):
        own = path.relative_to(ROOT / "elor").parts[0].removesuffix(".py")
        for module in imported(path):
            other = Path(module).parts[1].removesuffix(".py") if module.startswith("elor/") else "stages"
            assert other != "stages", f"{path} imports a stage"
            if own in level and other in level and own != other:
                assert level[other] <= level[own], f"{path} imports {module}"
