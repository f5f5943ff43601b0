"""What torch's operators do to a signal: which are linear in it, which are a ReLU, which round.

An operator in none of these tables is not known to be linear. How a signal is followed from one to the next:
`elor.explain.crossings`.
"""

from collections.abc import Mapping

import torch


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
    "_cdist_forward": "a distance",
    "_euclidean_dist": "a distance",
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
    "log_sigmoid_forward": "log-sigmoid",
    "max": "a maximum",
    "maximum": "a maximum",
    "min": "a minimum",
    "minimum": "a minimum",
    "mish": "Mish",
    "mkldnn_rnn_layer": "an LSTM (rnn)",
    "native_group_norm": "a normalisation by the signal's own statistics",
    "native_layer_norm": "a normalisation by the signal's own statistics",
    "pow": "a power",
    "rrelu_with_noise": "RReLU",
    "rsqrt": "a root",
    "silu": "SiLU",
    "sqrt": "a root",
    "special_entr": "an entropy",
    "std": "a standard deviation",
    "std_mean": "a standard deviation",
    "threshold": "a threshold",
    "threshold_backward": "the derivative of a ReLU on the way there",
    "var": "a variance",
    "var_mean": "a variance",
}
"""What people call operators that are refused, by their aten names."""

STEPS = {
    **dict.fromkeys(("_to_copy", "copy", "dequantize"), "a mask or whole numbers made into fractions"),
    **dict.fromkeys(
        ("mul", "mm", "bmm", "addmm", "baddbmm", "mv", "dot", "addcmul"), "a product with a mask or whole numbers"
    ),
    **dict.fromkeys(("add", "sub", "rsub"), "a sum with a mask or whole numbers"),
    **dict.fromkeys(("div", "addcdiv"), "a quotient with a mask or whole numbers"),
    "_unsafe_index": "index",
}
"""What they do to what was selected, or made a step, by the signal, where people write no such name."""


def spoken(name: str, words: Mapping[str, str] = NAMES) -> str:
    """What people call an operator, by its aten name: in words, or as they write it."""
    return words.get(name, name.strip("_"))


BENT = _named(
    "acos angle argsort asin atan atan2 ceil cos cosh cummax cummin cumprod erf erfc erfinv expm1 floor fmax",
    "fmin fmod frac glu hardshrink hardsigmoid hardswish hypot index_reduce kthvalue lgamma linalg_norm log10 log1p",
    "log2 logaddexp logcumsumexp logit logsumexp median mode prod reciprocal",
    "remainder renorm round scatter_reduce sgn",
    "sign sin sinc sinh softplus softshrink sort tan topk trunc",
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
