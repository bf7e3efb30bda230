// Products of bfloat16 operands with sums in float, on CPUs that have the instruction for it (AVX512-BF16).
//
// The layout is that of the float kernels with pairs of depth in place of single elements: a panel's step holds, for
// each of PANEL columns, the elements 2k and 2k + 1. Rows of X are rounded to pairs once and read by each panel.
#include <math.h>
#include <string.h>

#include "CKernels.h"
#include "variants.h"

// Round to nearest, ties to even; NaN stays NaN.
static uint16_t rounded(float value) {
  uint32_t bits;
  memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffff) > 0x7f800000) return (uint16_t)(bits >> 16 | 0x40);
  return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

static size_t pairs(size_t depth) { return (depth + 1) / 2; }

size_t kernels_packed_count_bf16(size_t columns, size_t depth) {
  return (columns + PANEL - 1) / PANEL * PANEL * pairs(depth);
}

void kernels_pack_bf16(size_t rows, size_t depth, const float *weights, size_t stride, uint32_t *packed,
                       size_t first_column) {
  for (size_t i = 0; i < rows;) {
    // Up to a cache line of columns at a time, so that lines are written whole.
    const size_t column = first_column + i;
    const size_t in_line = 16 - column % 16;
    const size_t count = rows - i < in_line ? rows - i : in_line;
    uint32_t *target = packed + column / PANEL * PANEL * pairs(depth) + column % PANEL;
    for (size_t k = 0; k < depth; k += 2)
      for (size_t j = 0; j < count; j++) {
        const float *row = weights + (i + j) * stride;
        const uint32_t low = rounded(row[k]), high = k + 1 < depth ? rounded(row[k + 1]) : 0;
        target[k / 2 * PANEL + j] = high << 16 | low;
      }
    i += count;
  }
}

size_t kernels_round_count_bf16(size_t rows, size_t depth) { return rows * pairs(depth); }

#if defined(__x86_64__)
#include <immintrin.h>

#define TILE_ROWS 8
#define TILE_VECTORS 3
#define BF16 __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512bf16,fma,bmi2")))

bool kernels_has_bf16(void) {
  __builtin_cpu_init();
  return __builtin_cpu_supports("avx512bf16") && __builtin_cpu_supports("avx512bw") &&
         __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
}

BF16 void kernels_round_bf16(size_t rows, size_t depth, const float *x, size_t x_stride, uint32_t *y) {
  for (size_t i = 0; i < rows; i++) {
    const float *row = x + i * x_stride;
    uint32_t *target = y + i * pairs(depth);
    size_t k = 0;
    for (; k + 32 <= depth; k += 32) {
      const __m512bh both = _mm512_cvtne2ps_pbh(_mm512_loadu_ps(row + k + 16), _mm512_loadu_ps(row + k));
      _mm512_storeu_si512(target + k / 2, (__m512i)both);
    }
    for (; k < depth; k += 2)
      target[k / 2] = (uint32_t)(k + 1 < depth ? rounded(row[k + 1]) : 0) << 16 | rounded(row[k]);
  }
}

INLINE BF16 void tile(const int rows, const int vectors, size_t depth, const uint32_t *x, size_t x_stride,
                      const uint32_t *panel, size_t columns, const float *bias, bool accumulate, float *y,
                      size_t y_stride) {
  __m512 sums[TILE_ROWS][TILE_VECTORS];
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) sums[i][v] = _mm512_setzero_ps();
  }
  for (size_t k = 0; k < depth; k++) {
    __m512i w[TILE_VECTORS];
    UNROLL for (int v = 0; v < vectors; v++) w[v] = _mm512_loadu_si512(panel + k * PANEL + v * 16);
    UNROLL for (int i = 0; i < rows; i++) {
      const __m512i a = _mm512_set1_epi32((int)x[i * x_stride + k]);
      UNROLL for (int v = 0; v < vectors; v++)
        sums[i][v] = _mm512_dpbf16_ps(sums[i][v], (__m512bh)a, (__m512bh)w[v]);
    }
  }
  UNROLL for (int i = 0; i < rows; i++) {
    UNROLL for (int v = 0; v < vectors; v++) {
      // Columns past the last are neither read nor written.
      const size_t left = columns > (size_t)v * 16 ? columns - (size_t)v * 16 : 0;
      const __mmask16 mask = left >= 16 ? 0xffff : (__mmask16)((1u << left) - 1);
      float *target = y + i * y_stride + v * 16;
      __m512 value = sums[i][v];
      if (bias) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, bias + v * 16));
      if (accumulate) value = _mm512_add_ps(value, _mm512_maskz_loadu_ps(mask, target));
      _mm512_mask_storeu_ps(target, mask, value);
    }
  }
}

INLINE BF16 void panel_product(const int vectors, size_t rows, size_t depth, const uint32_t *x, const uint32_t *panel,
                               size_t columns, const float *bias, bool accumulate, float *y, size_t y_stride) {
  size_t i = 0;
  for (; i + TILE_ROWS <= rows; i += TILE_ROWS)
    tile(TILE_ROWS, vectors, depth, x + i * depth, depth, panel, columns, bias, accumulate, y + i * y_stride, y_stride);
  for (; i < rows; i++)
    tile(1, vectors, depth, x + i * depth, depth, panel, columns, bias, accumulate, y + i * y_stride, y_stride);
}

BF16 void kernels_product_bf16(size_t rows, size_t columns, size_t depth, const uint32_t *x, const uint32_t *packed,
                               const float *bias, bool accumulate, float *y, size_t y_stride) {
  const size_t steps = pairs(depth);
  for (size_t first = 0; first < columns; first += PANEL) {
    const uint32_t *panel = packed + first * steps;
    const size_t left = columns - first < PANEL ? columns - first : PANEL;
    const float *panel_bias = bias ? bias + first : NULL;
    if (left > 32)
      panel_product(3, rows, steps, x, panel, left, panel_bias, accumulate, y + first, y_stride);
    else if (left > 16)
      panel_product(2, rows, steps, x, panel, left, panel_bias, accumulate, y + first, y_stride);
    else
      panel_product(1, rows, steps, x, panel, left, panel_bias, accumulate, y + first, y_stride);
  }
}

#else

// No caller gets here: kernels_has_bf16 says no, and whoever packs asks first.
bool kernels_has_bf16(void) { return false; }
void kernels_round_bf16(size_t rows, size_t depth, const float *x, size_t x_stride, uint32_t *y) {
  for (size_t i = 0; i < rows; i++)
    for (size_t k = 0; k < depth; k += 2)
      y[i * pairs(depth) + k / 2] =
          (uint32_t)(k + 1 < depth ? rounded(x[i * x_stride + k + 1]) : 0) << 16 | rounded(x[i * x_stride + k]);
}
void kernels_product_bf16(size_t rows, size_t columns, size_t depth, const uint32_t *x, const uint32_t *packed,
                          const float *bias, bool accumulate, float *y, size_t y_stride) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = 0; j < columns; j++) {
      float sum = 0;
      for (size_t k = 0; k < pairs(depth); k++) {
        const uint32_t a = x[i * pairs(depth) + k], b = packed[(j / PANEL * pairs(depth) + k) * PANEL + j % PANEL];
        const uint32_t bits[4] = {a << 16, b << 16, a & 0xffff0000, b & 0xffff0000};
        float parts[4];
        memcpy(parts, bits, sizeof parts);
        sum += parts[0] * parts[1] + parts[2] * parts[3];
      }
      if (bias) sum += bias[j];
      y[i * y_stride + j] = accumulate ? y[i * y_stride + j] + sum : sum;
    }
}

#endif
