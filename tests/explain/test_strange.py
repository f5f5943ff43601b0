"""Networks that change their input, remember, draw, or are made in another way: explained rightly, or refused."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
import soundfile
import torch
from torch import nn

from elor.api.explain import explain_files, foreign_network
from elor.errors import UserError
from elor.explain.any_network import factory
from elor.explain.any_network.subjects import (
    Alone,
    Score,
    Subject,
    committee,
    made_repeatable,
    no_logits,
    probabilities,
)
from elor.explain.any_network.window import Effort, explain
from elor.explain.attribution import gradient
from elor.explain.guided import guided_backprop
from elor.explain.integrated import integrated_gradients
from elor.explain.model import predict
from elor.explain.occlusion import occlusion
from elor.report.explanation import blocks
from elor.report.text import Notes
from tests.explain import strange
from tests.worlds.networks import new_network

pytestmark = pytest.mark.long

QUICK = Effort(twins=2, steps=8, most=32)
SAMPLES = 4_000


def sound(seed: int = 0, count: int = 1) -> torch.Tensor:
    """Loud noise: to anything quieter networks that have not learned say the same."""
    return 5 * torch.randn(count, 1, SAMPLES, generator=torch.Generator().manual_seed(seed))


def made(kind: type[strange.Plain], *args: object) -> strange.Plain:
    torch.manual_seed(3)
    return kind(*args).eval()


def loud(net: strange.Plain) -> strange.Plain:
    """One that answers differently to different sounds."""
    net.out.weight.data *= 300
    return net


def load(name: str) -> Subject:
    return factory.load(f"tests.explain.strange:{name}", samples=SAMPLES)


def test_a_network_may_change_its_input_and_nothing_comes_of_it() -> None:
    audio, net, twin = sound(count=2), made(strange.Halves), made(strange.Halves, False)
    before = audio.clone()
    for method in (gradient, occlusion, lambda m, x: integrated_gradients(m, x).time()):
        torch.testing.assert_close(method(net, audio)["output"], method(twin, audio)["output"], rtol=1e-5, atol=1e-9)
    assert torch.equal(audio, before)


@pytest.mark.parametrize("method", [predict, gradient, occlusion, integrated_gradients])
def test_chance_is_noticed(method) -> None:
    with pytest.raises(UserError, match=r"depends on chance: to one and the same sound its logits .* differ by up to"):
        method(made(strange.Noisy), sound())
    with pytest.warns(UserWarning, match="depends on chance"):
        predict(loud(made(strange.Noisy, 5e-4)), sound())
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method(made(strange.DrawsForNothing), sound())


@pytest.mark.parametrize("method", [gradient, occlusion, integrated_gradients])
def test_memory_and_company_are_noticed(method) -> None:
    with pytest.raises(UserError, match="depends on what it was asked before"):
        method(made(strange.Remembers), sound())
    if method is occlusion:  # its batches are its own: it asks about one signal at a time
        with pytest.warns(UserWarning, match="one signal at a time.*depends on the signals beside it"):
            together = method(made(strange.Crowd), sound(count=2))["output"]
        apart = [method(made(strange.Crowd), one)["output"] for one in sound(count=2).split(1)]
        torch.testing.assert_close(together, torch.cat(apart))
        return
    with pytest.raises(UserError, match="depends on the signals beside it"):
        method(made(strange.Crowd), sound(count=2))


@pytest.mark.parametrize("method", [gradient, occlusion, integrated_gradients])
def test_answers_that_are_kept_are_told_from_answers_that_are_the_same(method) -> None:
    with pytest.raises(UserError, match="depends on what it was asked before"):
        method(made(strange.Keeps), sound())
    found = method(made(strange.Same), sound())
    found = found if isinstance(found, dict) else found.time()
    assert not found["output"].any()


@pytest.mark.parametrize(
    ("ends", "means", "said"),
    [
        (lambda z: z.softmax(1), lambda z: z, "answers with probabilities"),
        (lambda z: z.log_softmax(1), torch.exp, "answers with logarithms of probabilities"),
        (torch.sigmoid, lambda z: z.softmax(1), "lie between 0 and 1"),
        (lambda z: 9 * z, lambda z: z.softmax(1), "3 outputs of head emo/tion are taken for the logits of 3 classes"),
    ],
)
def test_outputs_that_are_no_logits_are_said(ends, means, said: str) -> None:
    net = made(strange.Answers, ends)
    outputs = predict(net, sound())
    torch.testing.assert_close(probabilities(net, sound())["emo/tion"], means(outputs["emo/tion"]))
    remarks = list(no_logits(outputs))
    (remark,) = remarks
    assert said in remark
    assert "emo/tion" in remark


def test_a_heads_name_may_be_no_files(tmp_path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.random.default_rng(0).normal(0, 0.1, SAMPLES), 16_000)
    made = foreign_network("tests.explain.strange:softmaxed", samples=SAMPLES)
    found = explain_files([path], made, output=tmp_path / "out", effort=QUICK)
    assert (tmp_path / "out" / "a" / "window-00-emo_tion.wav").is_file()
    assert any("answers with probabilities" in one for one in found["recordings"]["a"]["windows"][0]["remarks"])


@pytest.mark.parametrize("kind", [strange.Crowd, strange.One])
def test_what_minds_company_is_asked_alone(kind: type[strange.Plain]) -> None:
    audio, net = sound(), made(kind)
    subject, (doubt,) = made_repeatable(Subject("net", net, None), audio)
    assert "one signal at a time" in str(doubt)
    drops = occlusion(subject.model, audio)["output"][0]
    label = int(net(audio).argmax())
    for number in (0, 2):
        masked = audio.clone()
        masked[..., 800 * number : 800 * number + 1_600] = 0
        assert drops[number].item() == pytest.approx(float((net(audio) - net(masked))[0, label].detach()), abs=1e-6)


class Cut(strange.Plain):
    """Nine tenths of its answer are detached from the sound."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return super().forward(audio) + 9 * super().forward(audio.detach())


class Levelled(strange.Plain):
    """Sets the level, and hides that from the way back."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return 300 * super().forward(audio / audio.detach().square().mean(-1, keepdim=True).sqrt())


class Normed(strange.Plain):
    """A root over channels, steep in silence: its gradient is large, and right."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        values = self.one(audio)
        normed = values * torch.rsqrt(values.square().mean(1, keepdim=True) + 1e-6)
        return super().forward(audio) + self.out(normed.mean(-1))


class Stepped(torch.autograd.Function):
    @staticmethod
    def forward(ctx, values):
        return values.mul(64).round() / 64

    @staticmethod
    def backward(ctx, gradient):
        return gradient


class Steps(strange.Plain):
    """Rounds what it hears, and passes the gradient on as if it did not."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        return super().forward(Stepped.apply(audio))


class Trims(strange.Plain):
    """Cuts silence off, and fails where there is nothing else."""

    def forward(self, audio: torch.Tensor) -> torch.Tensor:
        heard = (audio.abs().amax((0, 1)) > 1e-3).nonzero()[:, 0]
        return super().forward(audio[..., heard[0] : heard[-1] + 1])


def test_gradients_that_are_not_the_answers_own_are_refused_or_said() -> None:
    window = sound()[0, 0].numpy()
    found = explain(Subject("levelled", made(Levelled), None), window, SAMPLES, QUICK)
    assert "along the sound" in found.summary["methods"]["segments"]["refused"]
    padded = np.append(window[:3_000], np.zeros(1_000))
    found = explain(Subject("normed", made(Normed), None), padded, 3_000, QUICK)
    assert not found.summary["methods"]["gradient"]["refused"]
    found = explain(Subject("cut", made(Cut), None), window, SAMPLES, QUICK)
    for method in ("guided", "gradient", "segments", "integrated", "frequency", "stft"):
        assert "is not how its answer changes" in found.summary["methods"][method]["refused"]
        assert method not in found.maps
    assert np.isfinite(found.maps["occlusion"]).all()
    found = explain(Subject("steps", made(Steps), None), window, SAMPLES, QUICK)
    assert "a function with a backward pass of its own (Stepped)" in found.summary["remarks"][0]
    found = explain(Subject("plain", made(strange.Plain), None), window, SAMPLES, QUICK)
    assert len(found.summary["remarks"]) == 1
    assert "taken for the logits of 3 classes" in found.summary["remarks"][0]
    assert "gradient" in found.maps


def test_a_network_that_fails_in_silence_is_explained_as_far_as_it_goes() -> None:
    subject, _ = made_repeatable(Subject("trims", Alone(made(Trims)), None), sound())
    found = explain(subject, sound()[0, 0].numpy(), SAMPLES, QUICK)
    assert "gradient" in found.maps
    assert "Deletion and insertion fail in this network: The network cannot be run on" in found.summary["remarks"][0]


def test_a_network_that_normalises_by_the_loudest_is_asked_alone() -> None:
    class Loudest(strange.Plain):
        def forward(self, audio: torch.Tensor) -> torch.Tensor:
            return super().forward(audio / audio.detach().abs().max())

    assert "one signal at a time" in str(made_repeatable(Subject("loudest", made(Loudest), None), sound())[1][0])


def test_complex_weights_are_told_apart() -> None:
    subject = load("Spectral")
    assert subject.twin is not None
    assert not torch.equal(subject.model.weight, subject.twin(0).weight)


def test_half_and_double_precision_are_explained() -> None:
    for name in ("half", "double"):
        subject = load(name)
        found = explain(subject, sound()[0, 0].numpy(), SAMPLES, QUICK)
        assert not found.summary["methods"]["gradient"]["refused"]
        assert np.isfinite(found.maps["gradient"]).all()
    assert "torch.bfloat16: its logits move in steps of up to" in str(made_repeatable(load("half"), sound())[1][0])


@pytest.mark.parametrize(
    "name", ["old_weight_norm", "old_spectral_norm", "new_weight_norm", "new_spectral_norm", "an_object"]
)
def test_twins_of_derived_weights_are_untrained(name: str) -> None:
    subject = load(name)
    assert subject.twin is not None, subject.reason
    own, one, other = (predict(net, sound()) for net in (subject.model, subject.twin(1), subject.twin(2)))
    layers = [net.one for net in (subject.model, subject.twin(1))]
    assert not torch.isclose(*(layer.weight.flatten() for layer in layers)).any()
    assert not torch.equal(own["output"], one["output"])
    assert not torch.equal(one["output"], other["output"])
    for layer in layers[1:]:  # as spread as a fresh one: no weight of the trained network is left in a factor
        assert layer.weight.std().item() == pytest.approx(strange.Plain().one.weight.std().item(), rel=0.3) or (
            "spectral" in name
        )


def test_a_factory_that_returns_one_object_is_not_changed_by_its_twins() -> None:
    subject = load("one_and_the_same")
    before = predict(subject.model, sound())["output"]
    assert subject.twin is not None
    subject.twin(1)
    assert torch.equal(predict(subject.model, sound())["output"], before)


def test_a_twin_that_shares_a_weight_is_none() -> None:
    subject = load("Kept")
    assert subject.twin is None
    assert "leaves one.weight, one.bias as trained" in subject.reason


def test_a_frozen_script_is_explained_as_what_it_was_made_of() -> None:
    torch.manual_seed(0)
    body = nn.Sequential(nn.Conv1d(1, 6, 32, stride=8), nn.ReLU(), nn.Conv1d(6, 6, 16, stride=8), nn.ReLU())
    net = nn.Sequential(body, nn.AdaptiveAvgPool1d(1), nn.Flatten(), nn.Linear(6, 3)).eval()
    frozen = torch.jit.freeze(torch.jit.script(net))
    for method in (gradient, occlusion, lambda m, x: integrated_gradients(m, x).time()):
        torch.testing.assert_close(method(frozen, sound())["output"], method(net, sound())["output"])
    with pytest.raises(UserError, match="cannot see the ReLUs of a scripted model"):
        guided_backprop(frozen, sound())


def test_lazy_networks_are_made_for_their_length() -> None:
    subject = load("lazy")
    assert subject.twin is not None
    assert predict(subject.model, sound())["output"].shape == (1, 3)
    assert not torch.equal(subject.model[0].weight, subject.twin(0)[0].weight)


def test_gradients_that_are_no_numbers_are_refused_and_counted() -> None:
    audio, net = sound(), made(strange.Root)
    audio[..., -800:] = 0
    net.one.bias.data.zero_()
    with pytest.raises(UserError, match=r"not a number at \d+ of 4000 samples"):
        gradient(net, audio)
    found = explain(Subject("root", net, None), audio[0, 0].numpy(), SAMPLES - 800, QUICK).summary
    assert "not a number" in found["methods"]["gradient"]["refused"]
    assert found["integrated"]["baseline"] == "noise at -60 dBFS"
    assert found["integrated"]["error"]["output"] < 0.05
    assert not {"gradient", "guided"} & set(found["erasure"]["output"])
    assert all(np.isfinite(list(falls.values())).all() for falls in found["erasure"]["output"].values())


def test_a_committee_explains_the_mean_of_logits_and_answers_the_mean_of_probabilities() -> None:
    members = [new_network(seed=seed) for seed in range(3)]
    for member in members:
        member.heads["valence"][-1].weight.data *= 40
    subject, audio = committee("three", members), torch.zeros(1, 1, 96_000)
    audio[..., :3_000] = sound()[..., :3_000]
    logits = [predict(member, audio)["valence"] for member in members]
    answer = torch.stack(logits).softmax(-1).mean(0)
    torch.testing.assert_close(probabilities(subject.model, audio)["valence"], answer)
    label = {"valence": answer.argmax(1)}
    drops = occlusion(subject.model, audio, label, supports=[3_000])["valence"]
    mean = torch.stack([occlusion(member, audio, label, supports=[3_000])["valence"] for member in members]).mean(0)
    torch.testing.assert_close(drops, mean)


def test_a_head_that_has_not_learned_is_said_so_beside_untrained_heads() -> None:
    scores = {"arousal": Score(0.21, None, 0.4, False), "valence": Score(0.6, None, 0.001, True)}
    subject = committee("ELoR", [new_network(seed=seed) for seed in range(2)], scores)
    window = torch.zeros(96_000)
    window[:3_000] = sound()[0, 0, :3_000]
    found = explain(subject, window.numpy(), 3_000, Effort(twins=2, steps=2, most=2)).summary
    assert found["scores"]["arousal"] == {"uar": 0.21, "ccc": None, "p": 0.4, "learned": False}
    methods = found["methods"]["gradient"]
    for entry in (methods["heads"]["arousal"], methods["between"]["arousal~valence"]):
        assert (entry["verdict"], entry["reason"], entry["apart"]) == ("not learned", "arousal", False)
        assert entry["text"].endswith("not learned (arousal).")
    assert methods["heads"]["valence"]["verdict"] != "not learned"
    assert len(methods["heads"]["valence"]["heads"]) == 2
    said = " ".join(note for block in blocks(recorded(found)) if isinstance(block, Notes) for note in block.items)
    assert "UAR 0.21, p = 0.400 against permuted labels: it has not learned" in said
    assert "arousal rests most on" not in said
    assert "valence rests most on" in said


def recorded(window: dict) -> dict:
    """A window as `elor explain` keeps it."""
    window |= {"start_s": 0.0, "end_s": 1.0, "interventions": {}}
    model = {"name": "ELoR", "reason": "", "scores": window["scores"]}
    return {"recordings": {"a": {"seconds": 6.0, "windows": [window]}}, "model": model}
