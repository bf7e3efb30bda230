// One source, several CPUs: a file of kernels (*.inc) is included once for each level, with VARIANT(name) to tell the
// copies apart, `vec` as the level's vector of floats, and tiles that fill its registers.
#pragma once

#define VARIANT_PASTE(name, suffix) name##_##suffix
#define VARIANT_NAME(name, suffix) VARIANT_PASTE(name, suffix)
#define VARIANT(name) VARIANT_NAME(name, LEVEL)

#define INLINE static inline __attribute__((always_inline))

#if defined(__clang__)
#define UNROLL _Pragma("clang loop unroll(full)")
#define UNROLL_STEPS _Pragma("clang loop unroll_count(4)")
#else
#define UNROLL _Pragma("GCC unroll 16")
#define UNROLL_STEPS _Pragma("GCC unroll 4")
#endif

// Opens a block whose products and sums each round. (GCC has no such pragma: there the option -ffp-contract=off does it.)
#if defined(__clang__)
#define UNCONTRACTED _Pragma("STDC FP_CONTRACT OFF")
#else
#define UNCONTRACTED
#endif

// Columns of a packed panel: three AVX-512 vectors, and a multiple of every smaller tile.
#define PANEL 48
