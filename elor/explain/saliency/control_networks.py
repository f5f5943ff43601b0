"""Which networks are explained beside a trained one: some that have lost part of what they learned, or all of it."""

from collections.abc import Iterator

from elor.explain.controls import cascade, partly_untrained, untrained
from elor.networks import MultiHeadNetwork

TRAINED = "trained"


def models(
    network: MultiHeadNetwork, seeds: tuple[int, ...], deepest: int | None = None
) -> Iterator[tuple[str, MultiHeadNetwork]]:
    """The trained network; the cascade from the top, ending before the first layer; and untrained ones.

    Args:
        network: the trained one.
        seeds: of the untrained ones; the first also fills the parts that the cascade puts back.
        deepest: how many steps of the cascade; 1 for the heads alone.
    """

    def fresh(seed: int) -> MultiHeadNetwork:
        return untrained(lambda: MultiHeadNetwork(network.architecture), seed)

    yield TRAINED, network
    blocks = [f"cnn.{index}" for index in reversed(range(len(network.architecture.filters)))]
    for parts in cascade(["heads", *blocks])[:-1][:deepest]:
        yield " ".join(parts), partly_untrained(network, fresh(seeds[0]), parts)
    for number, seed in enumerate(seeds):
        yield f"initial {number}", fresh(seed)
