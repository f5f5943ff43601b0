"""One fold: the update rule against a reference written out by hand, resuming, and that it learns."""

import math
import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn import metrics
from sklearn.utils.class_weight import compute_sample_weight
from torch import nn

from elor import arithmetic
from elor.engine import Engine
from elor.errors import UserError
from elor.params import NETWORKS
from elor.targets import Head
from elor.training import loop, resume
from elor.training.job import Diverged, Outcome, TrainingJob
from elor.training.train import place, run
from tests.worlds import toy


@pytest.fixture
def job(files: dict[str, Path], slices: pd.DataFrame):
    def make(network: str = "ftr", fold: str = "S00", testing: bool = True, **changes: object) -> TrainingJob:
        task = toy.task(
            network, files, slices, **{k: changes.pop(k) for k in ("epochs", "patience", "how") if k in changes}
        )
        return place([task.job(fold, toy.settings(network, **changes), testing)], Engine("cpu"))[0]

    return make


def same(one: Outcome, other: Outcome) -> None:
    assert one.history == other.history
    assert one.audit == other.audit
    assert one.kept == other.kept
    for name, tensor in one.tensors.items():
        assert torch.equal(tensor, other.tensors[name]), name
    for name, values in one.predictions.items():
        np.testing.assert_array_equal(values, other.predictions[name])


def by_hand(trainer: loop.Trainer, rows: np.ndarray, turns: list[Head]) -> dict[str, torch.Tensor]:
    """The alternating update in the words of the paper: SGD with Nesterov momentum on CNN and one MLP at a time."""
    weights = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    momentum = {name: torch.zeros_like(value) for name, value in weights.items()}
    batch = trainer.inputs.batch(rows)
    for head in turns:
        touched = [name for name in weights if name.startswith(("cnn", f"heads.{head.name}"))]
        leaves = {name: weights[name].clone().requires_grad_(name in touched) for name in weights}
        outputs = torch.func.functional_call(trainer.network, leaves, batch)[head.name]
        loss = F.cross_entropy(outputs, trainer.truth[head.name][rows])
        for name in touched:
            if name.endswith("weight") and ".norm." not in name:
                loss = loss + trainer.options.alpha * leaves[name].square().sum().sqrt()
        gradients = torch.autograd.grad(loss, [leaves[name] for name in touched])
        for name, gradient in zip(touched, gradients, strict=True):
            momentum[name] = trainer.options.momentum * momentum[name] + gradient
            step = gradient + trainer.options.momentum * momentum[name]
            weights[name] = weights[name] - trainer.options.learning_rate * step
    return weights


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("first", [0, 1])
def test_heads_are_updated_one_after_the_other_on_the_updated_network(network: str, first: int, job) -> None:
    trainer = loop.Trainer(job(network, dropout=0.0))
    turns = [toy.HEADS[first], toy.HEADS[1 - first]]
    rows = trainer.job.train[:8]
    trainer.network.train()
    expected = by_hand(trainer, rows, turns)
    trainer.step(rows, turns)
    for name, value in trainer.network.named_parameters():
        torch.testing.assert_close(
            value.detach(), expected[name], rtol=2e-4, atol=2e-6, msg=lambda m, n=name: f"{n}: {m}"
        )


def test_an_update_leaves_the_other_head_and_its_momentum_alone(job) -> None:
    trainer = loop.Trainer(job("elor_ftr"))
    before = {name: value.detach().clone() for name, value in trainer.network.named_parameters()}
    trainer.update(toy.HEADS[0], trainer.inputs.batch(trainer.job.train[:4]), torch.from_numpy(trainer.job.train[:4]))
    for name, value in trainer.network.named_parameters():
        assert torch.equal(value, before[name]) == name.startswith("heads.valence"), name
        assert bool(trainer.optimiser.state[value]) != name.startswith("heads.valence"), name


def test_the_head_that_goes_first_changes_from_batch_to_batch(job, monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = loop.Trainer(job(batch=1))
    first = []
    monkeypatch.setattr(trainer, "step", lambda rows, turns: first.append(turns[0].name) or {})
    trainer.epoch()
    assert 0.2 < np.mean([name == "valence" for name in first]) < 0.8


def test_joint_update_is_one_step_on_the_sum_of_the_losses(job) -> None:
    how = toy.TRAIN.model_copy(update={"update": "joint"})
    trainer = loop.Trainer(job("ftr", dropout=0.0, how=how))
    rows = trainer.job.train[:8]
    weights = {name: value.detach().clone().requires_grad_() for name, value in trainer.network.named_parameters()}
    outputs = torch.func.functional_call(trainer.network, weights, trainer.inputs.batch(rows))
    loss = sum(F.cross_entropy(outputs[head.name], trainer.truth[head.name][rows]) for head in toy.HEADS)
    loss = loss + trainer.options.alpha * sum(w.norm() for name, w in weights.items() if name.endswith("weight"))
    gradients = torch.autograd.grad(loss, list(weights.values()))
    trainer.step(rows, list(toy.HEADS))
    for (_, value), weight, gradient in zip(
        trainer.network.named_parameters(), weights.values(), gradients, strict=True
    ):
        step = trainer.options.learning_rate * (1 + trainer.options.momentum)  # the first Nesterov step
        torch.testing.assert_close(value.detach(), (weight - step * gradient).detach())


@pytest.mark.parametrize("update", ["alternating", "joint"])
def test_a_sum_over_the_minibatch_is_a_mean_at_another_rate(job, update: str) -> None:
    """n L + a P at the rate r / n is L + (a / n) P at the rate r."""
    found = []
    for reduction, rate, alpha in (("mean", 0.08, 0.01), ("sum", 0.01, 0.08)):
        how = toy.TRAIN.model_copy(update={"reduction": reduction, "update": update})
        trainer = loop.Trainer(job("elor_ftr", dropout=0.0, how=how, learning_rate=rate, alpha=alpha))
        for _ in range(4):
            means = trainer.step(trainer.job.train[:8], list(toy.HEADS))
        found.append((trainer.network.state_dict(), means))
    for name, value in found[0][0].items():
        torch.testing.assert_close(value, found[1][0][name], rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(*(means for _, means in found), rtol=1e-4, atol=1e-5)  # what is told is the mean


def test_the_learning_rate_falls_as_half_a_cosine(job, monkeypatch: pytest.MonkeyPatch) -> None:
    made = job(epochs=5, patience=5, how=toy.TRAIN.model_copy(update={"schedule": "cosine"}), learning_rate=0.2)
    rates = []
    real = loop.Trainer.epoch
    monkeypatch.setattr(
        loop.Trainer, "epoch", lambda self: (real(self), rates.append(self.optimiser.param_groups[0]["lr"]))[0]
    )
    loop.train(made)
    weight = torch.nn.Parameter(torch.zeros(1))
    optimiser = torch.optim.SGD([weight], lr=0.2)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=5)
    expected = []
    for _ in range(5):
        expected.append(optimiser.param_groups[0]["lr"])
        optimiser.step()
        scheduler.step()
    assert rates == pytest.approx(expected)


def test_the_kept_epoch_is_the_best_by_what_was_asked(job) -> None:
    by = {
        "accuracy": lambda truth, shares: metrics.accuracy_score(truth, shares.argmax(1)),
        "uar": lambda truth, shares: metrics.balanced_accuracy_score(truth, shares.argmax(1)),
        "loss": lambda truth, shares: -metrics.log_loss(truth, shares.astype(float), labels=[0, 1, 2]),
    }
    for select, scored in by.items():
        made = job(epochs=8, how=toy.TRAIN.model_copy(update={"select": select}), learning_rate=0.2, patience=8)
        trainer = loop.Trainer(replace(made, validation=made.train[:5]))  # five cannot be of three classes alike
        outcome = trainer.run()  # leaves the kept epoch's weights in the network
        scores = [row["score"] for row in outcome.history]
        assert outcome.kept == int(np.argmax(scores))
        for name, found in trainer.predict(trainer.job.validation).items():
            truth = trainer.job.truth[name][trainer.job.validation]
            expected = scored(truth, found.numpy())
            assert outcome.history[outcome.kept][f"validation_{name}"] == pytest.approx(expected, rel=1e-5), select


def test_the_last_epoch_is_kept_where_it_is_asked_for(job) -> None:
    made = job(epochs=6, how=toy.TRAIN.model_copy(update={"keep": "last"}), learning_rate=0.2, patience=1)
    trainer = loop.Trainer(replace(made, floor=(0.5,) * 6))  # which the best score so far reaches
    while not trainer.finished:
        trainer.judge(trainer.epoch() | {"score": 1.0 - trainer.state.epoch})  # every epoch is worse
    final = trainer.predict(made.test)  # of the weights as training left them
    outcome = trainer.outcome()
    assert [outcome.kept, outcome.score, len(outcome.history)] == [5, -4.0, 6]
    for name, shares in outcome.predictions.items():
        np.testing.assert_array_equal(shares, final[name].numpy())


def test_rare_classes_pull_harder_when_classes_are_balanced(job) -> None:
    made = job("ftr", dropout=0.0, how=toy.TRAIN.model_copy(update={"balance": True}), alpha=0.0)
    trainer = loop.Trainer(made)
    rows = made.train[:8]
    truth = trainer.truth["valence"][torch.from_numpy(made.train)].numpy()
    weights = dict(zip(made.train, compute_sample_weight("balanced", truth), strict=True))
    output = trainer.network(*trainer.inputs.batch(rows))["valence"]
    each = F.cross_entropy(output, trainer.truth["valence"][torch.from_numpy(rows)], reduction="none")
    expected = (each * torch.tensor([weights[row] for row in rows])).mean().item()
    found = trainer.loss(toy.HEADS[1], output, torch.from_numpy(rows))
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_standardisation_is_fitted_on_the_training_part_alone(job, files: dict[str, Path]) -> None:
    trainer = loop.Trainer(job("lom"))
    values = np.load(files["mfcc"])[trainer.job.train].astype(np.float64)
    scale = trainer.network.standardize["mfcc"]
    np.testing.assert_allclose(scale.mean[:, 0], values.mean((0, 2)), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(scale.deviation[:, 0], values.std((0, 2)), rtol=1e-5)
    functionals = np.load(files["is10"])[trainer.job.train]
    np.testing.assert_allclose(
        loop.Trainer(job("ftr")).network.standardize["is10"].mean, functionals.mean(0), atol=1e-6
    )


def test_half_precision_learns_the_same_within_its_rounding(job) -> None:
    losses = {}
    for precision in ("float32", "bfloat16"):
        how = toy.TRAIN.model_copy(update={"precision": precision, "fast": True})
        losses[precision] = [row["loss_valence"] for row in loop.train(job("elor", how=how, dropout=0.0)).history]
    assert losses["bfloat16"] == pytest.approx(losses["float32"], rel=0.01)
    assert losses["bfloat16"] != losses["float32"]


def test_the_compiler_gets_plain_layers(job, monkeypatch: pytest.MonkeyPatch) -> None:
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: compiled.append(self))
    trainer = loop.Trainer(job("elor", how=toy.TRAIN.model_copy(update={"compile": True, "fast": True})))
    assert compiled == [trainer.network.cnn, *trainer.network.heads.values()]
    assert not any(block.fast for block in trainer.network.cnn)


def test_audio_is_scaled_to_one(job, files: dict[str, Path]) -> None:
    batch = loop.Trainer(job("elor")).inputs.batch(np.array([3, 1]))[0]
    np.testing.assert_array_equal(batch[:, 0], np.load(files["audio"])[[3, 1]] / np.float32(32768))


@pytest.mark.parametrize("network", NETWORKS)
def test_it_learns_and_repeats_itself(network: str, job) -> None:
    one = loop.train(job(network, epochs=8, dropout=0.0))
    assert one.history[-1]["loss_valence"] < one.history[0]["loss_valence"]
    (job(network, epochs=8, dropout=0.0).scratch / resume.STATE).unlink()
    same(one, loop.train(job(network, epochs=8, dropout=0.0)))


@pytest.mark.parametrize("network", ["ftr", "elor"])
@pytest.mark.parametrize("stop_after", [1, 2])
def test_an_interrupted_training_ends_with_the_same_numbers(
    network: str, stop_after: int, job, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = loop.train(job(network, epochs=4))
    (job(network, epochs=4).scratch / resume.STATE).unlink()
    real = loop.Trainer.epoch
    calls = []

    def dies(self: loop.Trainer) -> dict[str, float]:
        calls.append(1)
        if len(calls) > stop_after:
            raise KeyboardInterrupt
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(loop.Trainer, "epoch", dies)
        with pytest.raises(KeyboardInterrupt):
            loop.train(job(network, epochs=4))
    assert resume.epochs_done(job(network, epochs=4).scratch) == stop_after
    same(whole, loop.train(job(network, epochs=4)))


def test_a_damaged_checkpoint_is_named_and_ignored(job, capsys: pytest.CaptureFixture) -> None:
    whole = loop.train(job())
    (job().scratch / resume.STATE).write_bytes(b"half a file")
    same(whole, loop.train(job()))
    assert "starts anew" in capsys.readouterr().err


@pytest.mark.parametrize("last", [nn.Linear(4, 5), nn.Sequential()], ids=["of another shape", "absent"])
def test_a_refused_checkpoint_leaves_nothing_in_the_network(last: nn.Module, tmp_path: Path, capsys) -> None:
    saved, network = nn.Sequential(nn.Linear(3, 4), nn.Linear(4, 2)), nn.Sequential(nn.Linear(3, 4), last)
    resume.keep(tmp_path, saved, torch.optim.SGD(saved.parameters(), momentum=0.9), resume.State(epoch=1), 1)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    state = resume.resume(tmp_path, network, torch.optim.SGD(network.parameters(), momentum=0.9))
    assert (state.epoch, network.state_dict().keys()) == (0, before.keys())
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
    assert "1." in capsys.readouterr().err  # the layer that differs


def test_checkpoints_of_other_values_code_or_data_are_never_found(job, files, slices, monkeypatch, capsys) -> None:
    loop.train(job())
    assert job(alpha=0.5).scratch != job().scratch
    assert "1 unfinished trainings in" in capsys.readouterr().err
    places = {job().scratch, job(alpha=0.5).scratch, job(fold="S01").scratch, job(epochs=7).scratch}
    task = toy.task("ftr", files, slices, seed=2)
    places.add(place([task.job("S00", toy.settings("ftr"))], Engine("cpu"))[0].scratch)
    monkeypatch.setattr("elor.training.train.code_digest", lambda: "other code")
    places.add(job().scratch)
    values = np.load(files["is10"])
    np.save(files["is10"], values + 1)
    places.add(job().scratch)
    np.save(files["is10"], values)
    with monkeypatch.context() as patch:
        patch.setenv(arithmetic.CHOICE, "fastest")
        places.add(job().scratch)
    conditions = replace(arithmetic.conditions(), versions={"torch": "another"})
    monkeypatch.setattr(arithmetic, "conditions", lambda: conditions)
    places.add(job().scratch)
    assert len(places) == 9


def test_patience_keeps_the_best_epoch_and_the_audit_marks_every_epoch(job) -> None:
    outcome = loop.train(job(epochs=30, learning_rate=0.2))
    scores = [row["score"] for row in outcome.history]
    assert scores[outcome.kept] == max(scores)
    assert outcome.kept == scores.index(max(scores))  # of equals the first
    assert len(scores) == min(30, outcome.kept + 1 + 3)
    assert {row["epoch"] for row in outcome.audit} == set(range(len(scores)))
    counts = pd.DataFrame(outcome.audit).groupby(["epoch", "head"])["count"].sum()
    assert (counts == 10).all()


def test_predictions_are_those_of_the_best_epoch(job) -> None:
    outcome = loop.train(job(epochs=10))
    rows = pd.DataFrame(outcome.audit)
    rows = rows[(rows["epoch"] == outcome.kept) & (rows["head"] == "valence")]
    found = np.bincount(outcome.predictions["valence"].argmax(1), minlength=3)
    expected = rows.groupby("predicted")["count"].sum().reindex(range(3), fill_value=0)
    np.testing.assert_array_equal(found, expected)


def test_without_testing_the_test_speaker_is_never_read(job, monkeypatch: pytest.MonkeyPatch) -> None:
    made = job(testing=False)
    tested = set(job().test)
    real = loop.Inputs.batch

    def watched(self, rows: np.ndarray):
        assert not tested & set(np.asarray(rows).tolist())
        return real(self, rows)

    monkeypatch.setattr(loop.Inputs, "batch", watched)
    outcome = loop.train(made)
    assert outcome.audit == []
    assert outcome.predictions["valence"].shape == (0, 3)


def test_a_loss_that_is_not_finite_is_named(job) -> None:
    with pytest.raises(Diverged, match=r"ftr, fold S00: in epoch 0 the loss is .*nan"):
        loop.train(job(alpha=1e300))  # more than float32 holds
    with pytest.raises(UserError, match=r"the loss is .*nan.*; set a smaller networks.ftr.learning_rate"):
        run([job(alpha=1e300)], Engine("cpu"), "train ftr")


def test_answers_that_are_not_finite_are_named(job, monkeypatch: pytest.MonkeyPatch) -> None:
    """The last step of the last epoch may spoil the weights: no loss tells."""
    real = loop.losses.predict
    monkeypatch.setattr(loop.losses, "predict", lambda head, output: real(head, output) * math.nan)
    for testing in (True, False):  # a trial of a search fails as well
        with pytest.raises(Diverged, match=r"ftr, fold S00: after epoch 0 the answers are not finite"):
            loop.train(job(testing=testing))


def test_a_floor_stops_a_losing_trial(job) -> None:
    made = replace(job(epochs=5), floor=(0.0, 1.1))
    outcome = loop.train(made)
    assert outcome.stopped
    assert len(outcome.history) == 2
    assert resume.epochs_done(made.scratch) == 5  # for the progress bar nothing is left


def test_other_targets_train_too(files, slices: pd.DataFrame) -> None:
    shares = slices.assign(
        **{f"{n}_p{k}": np.where(slices[n] == k, 0.8, 0.1) for n in ("valence", "arousal") for k in range(3)}
    )
    for head, table in ((Head("valence", None), slices), (Head("valence", 3, soft=True), shares)):
        task = toy.task("ftr", files, table, heads=(head,), epochs=6)
        outcome = loop.train(place([task.job("S00", toy.settings("ftr", dropout=0.0))], Engine("cpu"))[0])
        assert outcome.history[-1]["loss_valence"] < outcome.history[0]["loss_valence"]
        assert outcome.predictions["valence"].shape == (10, head.outputs)


@pytest.mark.parametrize("network", ["elor", "ftr"])
def test_a_spread_leaves_the_mean_what_it_is_without(
    network: str, files: dict[str, Path], slices: pd.DataFrame
) -> None:
    rated = slices.assign(**{name: slices[name] + 0.25 for name in ("arousal", "valence")})
    rated = rated.assign(arousal_deviation=0.5, valence_deviation=np.linspace(0, 2, len(slices)))
    found = {}
    for spread in (False, True):
        heads = tuple(Head(name, None, spread=spread) for name in ("arousal", "valence"))
        task = replace(toy.task(network, files, rated, epochs=3), heads=heads)
        found[spread] = loop.train(place([task.job("S00", toy.settings(network, dropout=0.5))], Engine("cpu"))[0])
    for name, plain in found[False].predictions.items():
        np.testing.assert_allclose(found[True].predictions[name][:, :1], plain, atol=1e-5)  # memory lies otherwise
    for name, tensor in found[False].tensors.items():
        same_name = re.sub(r"(heads\.\w+)\.", r"\1.mean.", name)
        torch.testing.assert_close(found[True].tensors[same_name], tensor, atol=1e-5, rtol=1e-4)
    assert np.ptp(found[True].predictions["valence"][:, 1]) > 0
