"""params.yaml as the project ships it, and what its reader refuses."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from elor.errors import UserError
from elor.params import NETWORKS, Settings, load
from elor.sections import check

ROOT = Path(__file__).parents[1]


@pytest.fixture
def shipped() -> dict:
    return YAML(typ="safe", pure=True).load(ROOT / "params.yaml")


def write(folder: Path, value: dict) -> Path:
    path = folder / "params.yaml"
    YAML().dump(value, path)
    return path


def test_shipped_file_is_valid_and_every_profile_has_every_network() -> None:
    params = load(ROOT / "params.yaml")
    assert set(params.networks) == set(NETWORKS)
    for scale in params.scales.values():
        assert set(scale.networks) == set(NETWORKS)
        assert scale.networks["elor_ftr"].evaluations == 0


def test_paper_profile_has_the_papers_budgets() -> None:
    networks = load(ROOT / "params.yaml").scales["paper"].networks
    assert {name: networks[name].evaluations for name in NETWORKS} == {
        "elor": 70,
        "lom": 150,
        "ftr": 150,
        "elor_ftr": 0,
        "elor_txt": 0,
    }


def test_a_network_can_be_given_every_value_that_it_has_and_no_other(shipped: dict) -> None:
    for scale in load(ROOT / "params.yaml").scales.values():
        for name, section in shipped["networks"].items():
            assert set(scale.networks[name].defaults.given()) == set(section)


def test_a_network_with_parents_takes_their_defaults_and_has_none_of_its_own(shipped: dict, tmp_path: Path) -> None:
    networks = load(write(tmp_path, shipped)).scales["demo"].networks
    theirs = networks["elor"].defaults.given() | {"hidden": [64, 32], "dropout": networks["ftr"].defaults.dropout}
    assert networks["elor_ftr"].defaults.given() == theirs
    assert networks["elor"].defaults.dropout != networks["ftr"].defaults.dropout
    shipped["scale"]["demo"]["networks"]["elor_ftr"]["defaults"] = {"dropout": 0.1}
    with pytest.raises(UserError, match=r"networks\.elor_ftr takes its values from elor and ftr; remove its defaults"):
        load(write(tmp_path, shipped))


def test_numbers_in_exponent_notation_are_numbers(shipped: dict, tmp_path: Path) -> None:
    path = write(tmp_path, shipped)
    path.write_text(path.read_text().replace("max_hours: 24", "max_hours: 1e3"))
    assert load(path).engine.max_hours == 1000


RANGE = {"low": 1e-4, "high": 0.1, "log": True, "source": "ours"}


def space(params: dict) -> dict:
    return params["scale"]["demo"]["space"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p["train"].update(sped=1), "unknown parameter train.sped"),
        (lambda p: p["train"].update(seeds=0), r"train\.seeds is 0, but"),
        (lambda p: p["train"].update(seeds=11), r"train\.seeds is 11, but"),
        (lambda p: p["train"].update(seeds="two"), r"train\.seeds is 'two', but"),
        (lambda p: p.pop("seed"), "lacks the parameter seed"),
        (lambda p: p.update(seed="one"), "seed is 'one'"),
        (lambda p: p.update(profile="huge"), "profile is 'huge'"),
        (lambda p: p["networks"]["ftr"].update(learning_rate="fast"), "networks.ftr.learning_rate is 'fast'"),
        (lambda p: p["networks"]["elor"].update(filters=[4, 8], pools=[2]), "disagree"),
        (lambda p: p["networks"]["elor"].update(pools=[2, 0, 2]), "must be positive"),
        (lambda p: p["corpus"].update(low=5), "must lie below"),
        (lambda p: p["scale"]["demo"]["space"]["batch"].update(around=0.5), "either `around` or both"),
        (lambda p: p.update(scale={}), "scale lacks the profile demo"),
        (lambda p: p["networks"].pop("lom"), "networks lacks lom"),
        (lambda p: p["scale"]["demo"]["networks"].pop("ftr"), r"scale\.demo\.networks lacks ftr"),
        (lambda p: space(p).update(learning_rate={**RANGE, "low": 0}), "begins above 0, not at 0"),
        (lambda p: space(p).update(learning_rate={**RANGE, "low": 2}), r"low \(2.*\) must lie below high"),
        (lambda p: p["networks"]["elor"].update(filters=[10**7] * 3), r"filters\.0 is 10000000, but"),
        (lambda p: p["networks"]["elor"].update(hidden=[8] * 5_000), r"networks\.elor\.hidden"),
        (
            lambda p: p["labels"].update(dimensions=[]),
            r"labels: dimensions is empty; choose one or more of valence, arousal",
        ),
        (lambda p: p["scale"]["demo"].update(utterances=10**12), r"utterances is 1000000000000, but"),
        (lambda p: p["networks"]["ftr"].update(alpha=float("inf")), r"networks\.ftr\.alpha is inf"),
        (lambda p: p["networks"]["ftr"].update(alpha=float("nan")), r"networks\.ftr\.alpha is nan"),
        (lambda p: p["networks"]["ftr"].update(learning_rate=1e40), r"networks\.ftr\.learning_rate is 1e\+40, but"),
        (lambda p: p["networks"]["ftr"].update(momentum=0), r"momentum is 0, but input should be greater than 0"),
        (lambda p: p["networks"]["ftr"].update(filters=[1, 2, 3]), r"networks\.ftr has filters, which ftr has not"),
        (lambda p: p["features"].update(set="IS09"), "should be 'IS10', 'ComParE_2016' or 'eGeMAPSv02'"),
        (lambda p: space(p).update(dropouts=RANGE), r"unknown parameter scale\.demo\.space\.dropouts; remove it or"),
        (
            lambda p: p["scale"]["demo"]["networks"]["elor"]["space"].update(foo=RANGE),
            r"unknown parameter scale\.demo\.networks\.elor\.space\.foo; remove it or",
        ),
        (
            lambda p: p["scale"]["demo"]["networks"]["ftr"].update(space={"filters": {"low": 4, "high": 8}}),
            r"networks\.ftr\.space has filters, which ftr has not",
        ),
        (
            lambda p: p["scale"]["demo"]["networks"]["lom"]["space"].update(dropout={"low": 0.5, "high": 1.5}),
            r"networks\.lom\.space\.dropout ends at 1\.5, but input should be less than 1",
        ),
        (lambda p: space(p).update(batch={"low": 10, "high": 20, "step": 8}), r"must be multiples of step \(8\)"),
    ],
)
def test_a_mistake_is_named_in_one_sentence(change, message: str, shipped: dict, tmp_path: Path) -> None:
    change(shipped)
    with pytest.raises(UserError, match=message) as raised:
        load(write(tmp_path, shipped))
    assert "\n" not in str(raised.value)


def test_an_absent_file_and_broken_yaml_say_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="does not exist"):
        load(tmp_path / "params.yaml")
    (tmp_path / "params.yaml").write_text("a: [1\nb: 2")
    with pytest.raises(UserError, match="not valid YAML"):
        load(tmp_path / "params.yaml")


def test_given_leaves_out_what_is_empty() -> None:
    assert check(Settings, {"dropout": 0.5, "hidden": None}, "here").given() == {"dropout": 0.5}


def test_a_value_of_section_train_goes_before_the_profiles(shipped: dict, tmp_path: Path) -> None:
    params = load(write(tmp_path, shipped))
    for scale in params.scales.values():
        filled = params.train.over(scale.train).model_dump()
        assert {name: filled[name] for name in ("schedule", "select", "keep", "balance")} == dict(scale.train)
    shipped["train"]["select"] = "loss"
    params = load(write(tmp_path, shipped))
    assert params.train.over(params.scale.train).select == "loss"
    assert params.train.over(params.scale.train).schedule == params.scale.train.schedule


@pytest.mark.long
def test_five_thousand_levels_are_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_text("a: " + "[" * 5_000)
    with pytest.raises(UserError, match="nested too deeply"):
        load(tmp_path / "params.yaml")


def test_a_table_of_vectors_has_none_of_altered_sound(shipped: dict, tmp_path: Path) -> None:
    shipped["explain"]["interventions"]["networks"] = ["elor", "ftr"]
    assert load(write(tmp_path, shipped)).features.table is None
    shipped["features"]["table"] = "vectors.npz"
    with pytest.raises(UserError, match=r"networks names ftr, but features\.table has no vectors of altered"):
        load(write(tmp_path, shipped))
