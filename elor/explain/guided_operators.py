"""What a signal crosses on its way through a model, operator by operator, as guided backpropagation must know it.

Guided backpropagation changes the way back through ReLU and through nothing else. So every operator that the signal
reaches is either linear in it, or a ReLU, or one of the few others of the paper's networks whose ordinary derivative is
part of the method (sigmoid, tanh, max-pooling); anything else is named, and the method does not apply. Rectifiers spelt
otherwise, gates, attention, selections, norms and roots are among that.

Where the signal is, is known by the storages that it was written to. Weights, lengths and masks do not come from it:
what is done to them alone is free.
"""

import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch._ops import HigherOrderOperator


def _named(*lines: str) -> frozenset[str]:
    return frozenset(" ".join(lines).split())


RELU = {"relu"}
ORDINARY = {
    *("sigmoid", "tanh", "max_pool1d", "max_pool2d_with_indices", "max_pool3d_with_indices"),
    *("adaptive_max_pool2d", "adaptive_max_pool3d"),
}
"""Not linear, and crossed by their ordinary derivative, as in the paper's networks."""

LINEAR = _named(
    # parts, places and shapes
    "_conj _conj_physical _neg_view _reshape_alias _to_copy _unsafe_view alias as_strided cat chunk clone complex",
    "contiguous copy detach diagonal expand flip im2col col2im imag lift lift_fresh movedim narrow permute real",
    "repeat repeat_interleave reshape resolve_conj resolve_neg roll rot90 select slice split split_with_sizes squeeze",
    "stack t transpose tril triu unbind unfold unsafe_chunk unsafe_split unsafe_split_with_sizes unsqueeze view",
    "view_as_complex view_as_real channel_shuffle pixel_shuffle pixel_unshuffle diag_embed",
    "block_diag",
    # by indices, masks and conditions
    "_unsafe_index constant_pad_nd diagonal_scatter embedding fill gather index index_add",
    "index_copy index_fill index_put index_select masked_fill masked_scatter masked_select max_unpool2d max_unpool3d",
    "put scatter scatter_add select_scatter slice_scatter take where reflection_pad1d reflection_pad2d",
    "reflection_pad3d replication_pad1d replication_pad2d replication_pad3d select_backward slice_backward",
    "diagonal_backward unfold_backward",
    # sums
    "add cumsum deg2rad mean neg rad2deg rsub sub sum trace _adaptive_avg_pool2d _adaptive_avg_pool3d",
    "adaptive_avg_pool1d avg_pool1d avg_pool2d avg_pool3d affine_grid_generator _fft_c2c _fft_c2r _fft_r2c",
    # resampling
    "upsample_linear1d upsample_bilinear2d upsample_trilinear3d upsample_bicubic2d upsample_nearest1d",
    "upsample_nearest2d upsample_nearest3d _upsample_nearest_exact1d _upsample_nearest_exact2d",
    "_upsample_nearest_exact3d _upsample_bilinear2d_aa _upsample_bicubic2d_aa",
    # of numbers; NaN and infinity are another matter, and the signal has none
    "nan_to_num nansum",
)
"""Linear in all that comes from the signal, but for a constant, as long as indices, masks and conditions do not."""

FACTORS = {
    **dict.fromkeys(("mul", "mm", "bmm", "dot", "vdot", "mv", "convolution", "linear", "kron", "ger"), (0, 1)),
    **dict.fromkeys(("linalg_cross", "elor::bmm"), (0, 1)),
    **dict.fromkeys(("addmm", "baddbmm", "addbmm", "addmv", "addr", "addcmul", "_sparse_addmm"), (1, 2)),
    "_trilinear": (0, 1, 2),
}
"""Products, by the places of their factors: linear as long as one factor at most comes from the signal."""

GIVEN = {
    **{"div": 1, "addcdiv": 2, "ldexp": 1, "lerp": 2, "grid_sampler_2d": 1, "grid_sampler_3d": 1},
    **{"_linalg_solve_ex": 0, "linalg_solve_triangular": 0, "linalg_lu_solve": 0, "cholesky_solve": 1},
}
"""Linear as long as the argument in this place does not come from the signal: a divisor, a weight, a grid, a matrix."""

ADDING = (None, "add", "sum", "mean")
"""What several values that fall into one place become, of operators that can say so, for these to be linear."""

NORMS = {"native_batch_norm": 5, "cudnn_batch_norm": 5, "miopen_batch_norm": 5, "_native_batch_norm_legit": 5}
"""Batch normalisations, by the place of the flag that says that they use the batch's own statistics."""

FROZEN_NORMS = {"_native_batch_norm_legit_no_training", "_batch_norm_no_update"}

LEAVING = {torch.Tag.data_dependent_output, torch.Tag.dynamic_output_shape}
"""Marks of operators whose result is a number for Python, or as long as the signal will have it."""

CONSTANT = {"zeros_like", "ones_like", "full_like", "empty_like", "rand_like", "randn_like", "zero"} | {
    f"new_{kind}" for kind in ("zeros", "ones", "full", "empty", "empty_strided")
}
"""They take a signal's shape and nothing else."""

NAMES = {
    "_prelu_kernel": "PReLU",
    "_local_scalar_dense": "a number that Python takes out of the signal",
    "equal": "a number that Python takes out of the signal",
    "_log_softmax": "log-softmax",
    "_scaled_dot_product_flash_attention_for_cpu": "attention",
    "_scaled_dot_product_flash_attention": "attention",
    "_scaled_dot_product_efficient_attention": "attention",
    "_scaled_dot_product_attention_math": "attention",
    "_softmax": "softmax (attention, say)",
    "abs": "an absolute value",
    "amax": "a maximum",
    "amin": "a minimum",
    "celu": "CELU",
    "clamp": "clamp",
    "clamp_max": "clamp",
    "clamp_min": "clamp",
    "div": "a division by the signal",
    "elu": "ELU or SELU",
    "exp": "an exponential",
    "gelu": "GELU",
    "hardtanh": "ReLU6 or hardtanh",
    "leaky_relu": "LeakyReLU",
    "linalg_vector_norm": "a norm",
    "log": "a logarithm",
    "max": "a maximum",
    "min": "a minimum",
    "mish": "Mish",
    "mkldnn_rnn_layer": "an LSTM (rnn)",
    "native_group_norm": "a normalisation by the signal's own statistics",
    "native_layer_norm": "a normalisation by the signal's own statistics",
    "pow": "a power",
    "rrelu_with_noise": "RReLU",
    "rsqrt": "a root",
    "silu": "SiLU",
    "sqrt": "a root",
    "std": "a standard deviation",
    "threshold": "a threshold",
    "threshold_backward": "the derivative of a ReLU on the way there",
    "var": "a variance",
}
"""What people call operators that are refused, by their aten names."""

BENT = _named(
    "acos angle argsort asin atan atan2 ceil cos cosh cummax cummin cumprod erf erfc erfinv expm1 floor fmax",
    "fmin fmod frac glu hardshrink hardsigmoid hardswish hypot index_reduce kthvalue lgamma linalg_norm log10 log1p",
    "log2 log_sigmoid_forward logaddexp logcumsumexp logit logsumexp maximum median minimum mode prod reciprocal",
    "remainder renorm round scatter_reduce sgn",
    "sign sin sinc sinh softplus softshrink sort special_entr std_mean tan topk trunc var_mean",
)
"""Not linear, and called by their own names; an operator in none of these tables is not known to be linear."""

ROUNDING = _named(
    "round floor ceil trunc floor_divide fake_quantize_per_tensor_affine_cachemask _fused_moving_avg_obs_fq_helper",
    "fake_quantize_per_channel_affine_cachemask _fake_quantize_per_tensor_affine_cachemask_tensor_qparams",
    "_fake_quantize_learnable_per_tensor_affine _fake_quantize_learnable_per_channel_affine",
)
"""Operators that round."""

FROM_WHOLE = {"_to_copy", "dequantize"}
"""Those by which numbers come back that were rounded to whole ones."""

UNKNOWN = "(not known to be linear)"


@dataclass(frozen=True)
class Crossing:
    """Something that the signal crosses and that guided backpropagation is not defined for.

    Attributes:
        name: in words, or its aten name.
        known: not to be linear; else it is not known to be.
        rounds: the signal to a grid.
    """

    name: str
    known: bool = True
    rounds: bool = False

    def __str__(self) -> str:
        return self.name if self.known else f"{self.name} {UNKNOWN}"


PRODUCT = Crossing("a product of the signal with itself (a gate or attention, say)")
OPAQUE = Crossing("compiled or scripted code")
PASSING = {
    *("torch.nn.modules._functions.BackwardHookFunction", "torch.utils.checkpoint._NoopSaveInputs"),
    *("elor.fastconv.layer.SpectralConvolution", "torch._library.autograd.GeneratedBackwardFor_elor_bmm_default"),
}
"""Functions whose inside is seen or known to be linear: of hooks on modules, of checkpoints, of `elor.fastconv`, and of
products (`elor.matrix_products`)."""


class Crossings:
    """Follows a signal from operator to operator.

    Attributes:
        others: what guided backpropagation is not defined for, wherever it led: a number that Python takes, say. What
            was crossed on the way to one value is asked by `crossed`.
        met: if asked for, every operator that the signal was given to, with all else that this was given: numbers, and
            the content of tensors that do not come from the signal. It must not depend on the signal; where it does,
            something left torch's operators and came back (by numpy, a list, another thread).
    """

    def __init__(self, weights: Iterable[Tensor] | None = None) -> None:
        """`weights`: of the model, which are told apart by their places; given if `met` is asked for."""
        self.others: set[Crossing] = set()
        self.met: list[tuple] | None = None if weights is None else []
        self._known = {_storage(value) for value in weights or ()}
        self._blank: set[int | None] = set()
        self._reached: dict[int, Any] = {}  # storages by address, kept so that no address is given out again
        self._crossed: dict[int, frozenset[Crossing]] = {}  # on the way there

    def follow(self, signal: Tensor) -> None:
        """Begin with this signal, and forget others."""
        self.done()
        self.others.clear()
        self._reach(signal, frozenset())

    def crossed(self, value: Tensor) -> set[Crossing]:
        """What was crossed on the way to a value for which guided backpropagation is not defined."""
        if not self.comes(value):
            return self.others or {Crossing("operators that cannot be seen (in another thread, say)")}
        return self.others | self._crossed[_storage(value)]

    def done(self) -> None:
        """Let go of all that is kept."""
        self._reached, self._crossed = {}, {}

    def enter(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
        """Take note of an operator that will be run now."""
        if self.met is not None and any(self.comes(value) for value in _tensors((args, kwargs))):
            given = [*args, *(value for key, value in kwargs.items() if key != "out")]
            name = _name(func)
            if name == "copy" or (name in ("index_put", "index_copy", "scatter") and _storage(args[0]) in self._blank):
                given = given[1:]  # what is written over; memory that nothing was written to has a content by chance
            self.met.append((str(func), *map(self._content, given)))

    def _content(self, value: object) -> object:
        """What an operator is given, to be compared: of the signal the shape alone."""
        if isinstance(value, (list, tuple)):
            return tuple(map(self._content, value))
        if not isinstance(value, Tensor):
            return None if isinstance(value, torch.Generator) else repr(value)
        place = _storage(value)
        if place in self._known:
            return tuple(value.shape), place
        if place is None or place in self._reached:
            return tuple(value.shape)
        return tuple(value.shape), checksum(value)

    def note(self, func: Any, args: Sequence[Any], kwargs: dict[str, Any], result: Any) -> None:
        """Take note of an operator that was just run."""
        name = _name(func)
        if isinstance(func, HigherOrderOperator):  # whatever it is given, its code may hold the signal
            self.others.add(Crossing(f"{name} (code that torch runs as one operator)"))
            for value in _tensors(result):
                self._reach(value, frozenset())
            return
        if name.startswith(("empty", "new_empty")):
            self._blank |= {_storage(value) for value in _tensors(result)}
        given = [value for value in _tensors((args, kwargs)) if self.comes(value)]
        if not given:
            return
        found = [*_tensors(result), *_written(func, args, kwargs)]
        if name in CONSTANT:
            return
        number, what = any(map(_real, found)), None
        if _leaves(name, func, args):
            self.others.add(Crossing(NAMES.get(name, f"a number or a size that depends on the signal ({name})")))
        elif number:
            what = self._refused(name, given, args, kwargs)
        crossed = frozenset({what} if what else ()).union(*(self._crossed[_storage(value)] for value in given))
        for value in found:
            self._reach(value, crossed)

    def _refused(self, name: str, given: list[Tensor], args: Sequence[Any], kwargs: dict[str, Any]) -> Crossing | None:
        """What an operator does to the signal that cannot be guided; None if nothing."""
        if not all(_real(value) for value in given):
            return Crossing(f"a selection or a step that depends on the signal ({name})", rounds=name in FROM_WHOLE)
        if (name in NORMS or name in FROZEN_NORMS) and any(map(self.comes, args[1:])):
            return Crossing("a normalisation whose weights or statistics come from the signal")
        if name in LINEAR or name in RELU or name in ORDINARY or name in FROZEN_NORMS:
            return None if kwargs.get("reduce") in ADDING else Crossing(f"{name} by multiplication")
        if name in FACTORS:
            from_signal = [index for index in FACTORS[name] if index < len(args) and self.comes(args[index])]
            return None if len(from_signal) < 2 else PRODUCT
        if name == "pow" and not isinstance(args[1], Tensor) and args[1] == 1:
            return None
        if name.startswith("_embedding_bag") and [*args, 0][4] != 2:  # not by maximum
            both = self.comes(args[0]) and any(map(self.comes, args[6:7]))
            return PRODUCT if both else None
        if name in GIVEN and not self.comes(args[GIVEN[name]]) and kwargs.get("rounding_mode") is None:
            return None
        if name in ("scatter_reduce", "index_reduce") and args[4] in ADDING:
            return None
        if name == "floor_divide" or kwargs.get("rounding_mode"):
            return Crossing("floor or trunc of a quotient", rounds=True)
        if name in NORMS:
            return Crossing("batch normalisation by the batch's own statistics") if args[NORMS[name]] else None
        known = name in NAMES or name in BENT or name in GIVEN
        return Crossing(NAMES.get(name, name), known, name in ROUNDING)

    def comes(self, value: object) -> bool:
        """Does it come from the signal?"""
        return isinstance(value, Tensor) and _storage(value) in self._reached

    def _reach(self, value: Tensor, crossed: frozenset[Crossing]) -> None:
        if (key := _storage(value)) is not None:
            self._reached[key] = value.untyped_storage()
            self._crossed[key] = self._crossed.get(key, frozenset()) | crossed
        else:
            kind = "an MKL-DNN" if value.is_mkldnn else "a sparse"
            self.others.add(Crossing(f"{kind} tensor"))  # what becomes of it cannot be followed


def checksum(value: Tensor) -> int:
    """Of what a tensor holds."""
    plain = value.detach().int_repr() if value.is_quantized else value.detach()
    plain = torch.view_as_real(plain.resolve_conj()) if plain.is_complex() else plain
    return zlib.crc32(plain.resolve_neg().cpu().contiguous().flatten().view(torch.uint8).numpy())


def _name(func: Any) -> str:
    """An operator's name, the same in place."""
    if isinstance(func, HigherOrderOperator):
        return func.name()
    name = func._schema.name.removeprefix("aten::")
    return name if name.startswith("__") else name.removesuffix("_")


def _written(func: Any, args: Sequence[Any], kwargs: dict[str, Any]) -> Iterator[Tensor]:
    """What an operator writes into, be it in a list."""
    for place, one in enumerate(func._schema.arguments):
        if one.alias_info is not None and one.alias_info.is_write:
            yield from _tensors(args[place] if place < len(args) else kwargs.get(one.name, ()))


def _leaves(name: str, func: Any, args: Sequence[Any]) -> bool:
    """Does it make a number or a size of what it is given? An index by whole numbers does not."""
    if name in ("index", "index_put", "masked_select"):
        return False  # by a mask it is refused as a selection
    return not LEAVING.isdisjoint(func.tags)


def _storage(value: Tensor) -> int | None:
    try:
        return value.untyped_storage()._cdata
    except (NotImplementedError, RuntimeError):  # sparse, say
        return None


def _real(value: Tensor) -> bool:
    return value.is_floating_point() or value.is_complex()


def _tensors(values: object) -> Iterator[Tensor]:
    """All tensors in nested arguments."""
    if isinstance(values, Tensor):
        yield values
    elif isinstance(values, dict):
        yield from _tensors(tuple(values.values()))
    elif isinstance(values, Iterable) and not isinstance(values, str):
        for value in values:
            yield from _tensors(value)


def opaque(logits: Tensor) -> Crossing | None:
    """Code on the way to these logits whose way back is its own, so that no ReLU can be seen there; None if there is
    none: an `autograd.Function`, and what TorchScript or a compiler made into one."""
    for node in _nodes(logits):
        name = node.name()
        if "jit" in name or "Compiled" in name:
            return OPAQUE
        if isinstance(node, torch.autograd.function.BackwardCFunction):
            own = type(node)._forward_cls
            if f"{own.__module__}.{own.__name__}" not in PASSING:
                return Crossing(f"a function with a backward pass of its own ({name.removesuffix('Backward')})")
    return None


def ordinary(logits: Tensor) -> set[str]:
    """What is crossed on the way to these logits by its ordinary derivative (`ORDINARY`), in words."""
    names = {"Sigmoid": "sigmoid", "Tanh": "tanh", "MaxPool": "max-pooling", "AdaptiveMaxPool": "max-pooling"}
    found = [node.name() for node in _nodes(logits)]
    return {said for begins, said in names.items() if any(name.startswith(begins) for name in found)}


def _nodes(logits: Tensor) -> Iterator[Any]:
    """All steps of the way back from these logits."""
    seen, left = set(), [logits.grad_fn]
    while left:
        node = left.pop()
        if node is not None and node not in seen:
            seen.add(node)
            yield node
            left += [following for following, _ in node.next_functions]
