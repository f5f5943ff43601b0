"""The environment variables of portable arithmetic (`elor.arithmetic`): which kernels libraries take.

It stands apart since every stage that computes depends on it.
"""

SETTINGS: dict[str, str | None] = {
    "ATEN_CPU_CAPABILITY": "avx2",
    "ONEDNN_MAX_CPU_ISA": "AVX2",
    "MKL_CBWR": "COMPATIBLE",
    "NPY_DISABLE_CPU_FEATURES": "X86_V4 AVX512_ICL AVX512_SPR",
    "OPENBLAS_CORETYPE": "Haswell",
    "OMP_NUM_THREADS": "1",
    "MKL_NUM_THREADS": "1",
    "OPENBLAS_NUM_THREADS": "1",
    "DNNL_MAX_CPU_ISA": None,
    "DNNL_CPU_ISA_HINTS": None,
    "DNNL_DEFAULT_FPMATH_MODE": None,
    "MKL_DOMAIN_NUM_THREADS": None,
    "MKL_ENABLE_INSTRUCTIONS": None,
    "MKL_NUM_STRIPES": None,
    "MKL_VML_MODE": None,
    "NPY_ENABLE_CPU_FEATURES": None,
    "ONEDNN_CPU_ISA_HINTS": None,
    "ONEDNN_DEFAULT_FPMATH_MODE": None,
    "SOXR_COEFS_SIZE": None,
    "SOXR_COEF_INTERP": None,
    "SOXR_LARGE_DFT_SIZE": None,
    "SOXR_MIN_DFT_SIZE": None,
    "SOXR_NOSMALLINTOPT": None,
    "SOXR_NUM_THREADS": None,
    "SOXR_STRICT_BUF": None,
    "SOXR_USE_SIMD": None,
    "SOXR_USE_SIMD32": None,
    "SOXR_USE_SIMD64": None,
}
"""What every process that computes must find in its environment; None: nothing."""
