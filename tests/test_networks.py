"""The four networks against the figures of the paper's text and against plain functional PyTorch."""

import numpy as np
import pandas as pd
import pytest
import torch
import torch.nn.functional as F
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from elor.errors import UserError
from elor.networks import INPUTS, SHAPES, MultiHeadNetwork, Weigh
from elor.params import NETWORKS, load
from elor.targets import Head, Target
from elor.training.task import architecture
from tests.worlds import toy


def build(network: str, fast: bool = False, **changes: object) -> MultiHeadNetwork:
    torch.manual_seed(0)
    return MultiHeadNetwork(architecture(network, toy.HEADS, toy.settings(network, **changes), True), fast)


def batch(network: str, size: int = 2) -> tuple[torch.Tensor, ...]:
    torch.manual_seed(1)
    return tuple(torch.randn(size, *SHAPES[name]) for name in INPUTS[network])


@pytest.mark.parametrize(
    ("network", "millions", "width"),
    [("elor", 3.91, 6000), ("lom", 5.02, 9472), ("ftr", 0.94, 1582), ("elor_ftr", 4.72, 7582)],
)
def test_paper_profile_has_the_known_sizes(network: str, millions: float, width: int) -> None:
    defaults = load().scales["paper"].networks[network].defaults
    made = MultiHeadNetwork(architecture(network, Target("classes").heads, defaults, True))
    count = sum(parameter.numel() for parameter in made.parameters())
    assert round(count / 1e6, 2) == millions
    assert made.heads["valence"][0].in_features == made.heads["arousal"][0].in_features == width


def test_a_layer_is_convolution_normalisation_pooling_relu_in_this_order() -> None:
    network = build("lom").train()
    values = batch("lom", 3)[0]
    for block, pool in zip(network.cnn, network.architecture.pools, strict=True):
        length = block.conv.kernel_size[0]
        padded = F.pad(values, ((length - 1) // 2, length // 2))
        values = F.conv1d(padded, block.conv.weight, block.conv.bias)
        values = (values - values.mean((0, 2), keepdim=True)) / (
            values.var((0, 2), correction=0, keepdim=True) + 1e-5
        ).sqrt()
        values = F.relu(F.max_pool1d(values, pool))
    torch.testing.assert_close(network.cnn(batch("lom", 3)[0]), values, rtol=1e-4, atol=1e-5)


def test_heads_are_two_sigmoid_layers_on_the_same_features() -> None:
    network = build("elor_ftr").eval()
    inputs = batch("elor_ftr")
    features = torch.cat([network.cnn(inputs[0]).flatten(1), inputs[1]], dim=1)
    torch.testing.assert_close(network.features(*inputs), features)
    for name, mlp in network.heads.items():
        first, _, drop, second, _, _, last = mlp
        expected = last(torch.sigmoid(second(torch.sigmoid(first(features)))))
        torch.testing.assert_close(network(*inputs)[name], expected)
        torch.testing.assert_close(network.head(name, *inputs), expected)
        assert drop.p == 0.2


def test_words_add_a_linear_layers_logits_to_those_of_what_is_heard() -> None:
    network = build("elor_txt").eval()
    audio, _ = batch("elor_txt")
    words = torch.zeros(2, *SHAPES["text"])
    words[0, :4] = 1  # as many as weigh 1/2 each; nothing is said in the second
    heard = network.cnn(audio).flatten(1)
    for name, head in network.heads.items():
        expected = head.heard(heard)
        expected[0] += head.words.weight[:, :4].sum(1) / 2
        torch.testing.assert_close(network(audio, words)[name], expected + head.words.bias)
        torch.testing.assert_close(network.head(name, audio, words), expected + head.words.bias)
        assert any(weight is head.words.weight for weight in network.penalised_by(name))


@pytest.mark.parametrize("network", ["elor", "elor_txt"])
def test_a_mean_and_its_deviation_drop_the_same_units(network: str) -> None:
    heads = tuple(Head(name, None, spread=True) for name in ("valence", "arousal"))
    torch.manual_seed(0)
    made = MultiHeadNetwork(architecture(network, heads, toy.settings(network, hidden=[6, 4], dropout=0.25), True))
    inputs, kept = batch(network, 3), torch.rand(3, 2, 10) < 0.75
    made.train().cnn.eval()  # batch normalisation by known statistics
    made.keep_units(kept)
    found, features = made.outputs(*inputs), made.features(*inputs)
    heard = features[:, : features.shape[1] - (SHAPES["text"][0] if network == "elor_txt" else 0)]
    for index, (name, head) in enumerate(made.heads.items()):
        for column, answer in enumerate((head.mean, head.deviation)):
            first, _, _, second, _, _, last = answer.heard if network == "elor_txt" else answer
            one = torch.sigmoid(first(heard)) * kept[:, index, :6] / 0.75
            expected = last(torch.sigmoid(second(one)) * kept[:, index, 6:] / 0.75)
            if network == "elor_txt":
                expected = expected + answer.words(features[:, heard.shape[1] :])
            torch.testing.assert_close(found[name][:, column], expected[:, 0])


def test_words_are_weighed_as_scikit_learn_does_it_on_the_training_part_alone() -> None:
    spoken = ["you are glad", "you are lost", "so glad so glad", "you", "never heard", "glad never you", ""]
    train = [0, 1, 2, 3]
    oracle = TfidfVectorizer(binary=True, smooth_idf=False, token_pattern=r"(?u)\b\w+\b")
    oracle.fit([spoken[row] for row in train])
    expected = oracle.transform(spoken).toarray()
    counted = CountVectorizer(binary=True, dtype=np.float32, token_pattern=r"(?u)\b\w+\b")
    here = torch.from_numpy(counted.fit_transform(spoken).toarray())
    weigh = Weigh(here.shape[1])
    weigh.fit(here[train].mean(0), here[train].std(0))
    found = pd.DataFrame(weigh(here).numpy(), columns=counted.get_feature_names_out())
    known = list(oracle.get_feature_names_out())
    np.testing.assert_allclose(found[known], expected, rtol=1e-6)
    assert set(found) > set(known)
    assert (found.drop(columns=known) == 0).all(axis=None)  # "heard", "never": nobody said them in training


@pytest.mark.parametrize("network", NETWORKS)
def test_initial_weights_have_the_variance_of_glorot_and_he(network: str) -> None:
    defaults = load().scales["paper"].networks[network].defaults
    torch.manual_seed(0)
    made = MultiHeadNetwork(architecture(network, Target("classes").heads, defaults, True))
    for module in made.modules():
        if isinstance(module, torch.nn.Conv1d):
            fans = (module.in_channels + module.out_channels) * module.kernel_size[0]
            assert module.weight.var().item() == pytest.approx(
                2 * 2 / fans, rel=0.1
            )  # Glorot's 2 / fans, He's factor 2
            assert (module.bias == 0).all()
        if isinstance(module, torch.nn.Linear) and module.weight.numel() > 5000:
            assert module.weight.var().item() == pytest.approx(2 / sum(module.weight.shape), rel=0.1)


def test_penalty_covers_convolutions_and_one_heads_layers_without_biases() -> None:
    network = build("elor")
    weights = network.penalised_by("valence")
    expected = [block.conv.weight for block in network.cnn] + [network.heads["valence"][i].weight for i in (0, 3, 6)]
    assert [id(weight) for weight in weights] == [id(weight) for weight in expected]


def test_standardisation_is_by_channel_and_leaves_constants_alone() -> None:
    network = build("lom")
    mean, deviation = torch.arange(26.0), torch.full((26,), 2.0)
    deviation[3] = 0
    network.standardize["mfcc"].fit(mean, deviation)
    values = batch("lom")[0]
    found = network.standardize["mfcc"](values)
    np.testing.assert_allclose(found[:, 5], (values[:, 5] - 5) / 2, rtol=1e-6)
    np.testing.assert_allclose(found[:, 3], values[:, 3] - 3, rtol=1e-6)
    assert "audio" not in build("elor").standardize


def test_what_is_rounding_in_training_cannot_throw_an_answer_out_of_the_scale() -> None:
    network = build("ftr").eval()
    rng = np.random.default_rng(0)
    train = rng.normal(3, 2, (50, SHAPES["is10"][0])).astype(np.float32)
    train[:, 7] = rng.normal(0, 1e-17, 50)  # a slope that is 0 but for rounding
    scale = network.standardize["is10"]
    scale.fit(torch.from_numpy(train.mean(0)), torch.from_numpy(train.std(0)))
    expected = (train - train.mean(0)) / train.std(0)
    np.testing.assert_allclose(scale(torch.from_numpy(train)), expected, rtol=1e-5, atol=1e-5)  # nothing is cut off
    test = torch.from_numpy(train[:2]).clone()
    test[:, 7] = torch.tensor([0.5, -0.5])
    assert scale(test)[:, 7].tolist() == [100, -100]
    assert (scale(test).isfinite()).all()
    apart = [head(scale(test)) - head(scale(torch.from_numpy(train[:2]))) for head in network.heads.values()]
    assert max(one.abs().max() for one in apart) < 5


def test_pools_that_leave_nothing_are_refused() -> None:
    with pytest.raises(UserError, match="leave nothing of the 599 steps of lom's input"):
        build("lom", pools=[100, 100])


def test_a_value_has_one_output_and_a_class_count_many() -> None:
    shape = architecture("ftr", (Head("valence", None), Head("arousal", 7)), toy.settings("ftr"), True)
    outputs = MultiHeadNetwork(shape)(*batch("ftr"))
    assert outputs["valence"].shape == (2, 1)
    assert outputs["arousal"].shape == (2, 7)


@pytest.mark.parametrize("network", NETWORKS)
def test_fast_and_plain_layers_share_weights_and_results(network: str) -> None:
    plain, fast = build(network), build(network, fast=True)
    fast.load_state_dict(plain.state_dict())
    for mode in (True, False):
        plain.train(mode)
        fast.train(mode)
        for module in [*plain.modules(), *fast.modules()]:
            if isinstance(module, torch.nn.Dropout):
                module.p = 0.0
        for name in ("valence", "arousal"):
            torch.testing.assert_close(fast(*batch(network))[name], plain(*batch(network))[name], rtol=1e-4, atol=1e-5)
