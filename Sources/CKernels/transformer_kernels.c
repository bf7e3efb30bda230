// The kernels of transformers at three levels of x86-64, chosen when the program is loaded; elsewhere the generic
// level, compiled for the build's own target.
#include <math.h>
#include <string.h>

#include "CKernels.h"
#include "variants.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

#define QUERY_BLOCK 32
// Sums that run side by side over an array: two AVX-512 vectors of double.
#define SUM_LANES 16

// Generic: SSE2's or NEON's 16-byte vectors.
#define LEVEL generic
#define LANES 4
#define TILE_ROWS 4
#define TILE_VECTORS 2
#define TILE_DEPTH 192
typedef float vec_generic __attribute__((vector_size(16)));
typedef int ivec_generic __attribute__((vector_size(16)));
typedef float unaligned_generic __attribute__((vector_size(16), aligned(4)));
#define vec vec_generic
#define ivec ivec_generic
#define LOAD(p) ((vec) * (const unaligned_generic *)(p))
#define STORE(p, v) (*(unaligned_generic *)(p) = (unaligned_generic)(v))
#define BROADCAST(s) ((vec){0} + (s))
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#if defined(__x86_64__)
#define SQUARE_ROOT(v) ((vec)_mm_sqrt_ps((__m128)(v)))
#else
INLINE vec square_root_generic(vec v) {
  for (int lane = 0; lane < LANES; lane++) v[lane] = sqrtf(v[lane]);
  return v;
}
#define SQUARE_ROOT(v) square_root_generic(v)
#endif
#include "level.inc"

#if defined(__x86_64__)

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx2,fma,bmi2")
#endif
#define LEVEL avx2
#define LANES 8
#define TILE_ROWS 6
#define TILE_VECTORS 2
#define TILE_DEPTH 192
typedef float vec_avx2 __attribute__((vector_size(32)));
typedef int ivec_avx2 __attribute__((vector_size(32)));
#define vec vec_avx2
#define ivec ivec_avx2
#define LOAD(p) ((vec)_mm256_loadu_ps(p))
#define STORE(p, v) _mm256_storeu_ps((p), (__m256)(v))
#define BROADCAST(s) ((vec)_mm256_set1_ps(s))
#define MULTIPLY_ADD(a, b, c) ((vec)_mm256_fmadd_ps((__m256)(a), (__m256)(b), (__m256)(c)))
#define SQUARE_ROOT(v) ((vec)_mm256_sqrt_ps((__m256)(v)))
#include "level.inc"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,fma,bmi2"))), apply_to = function)
#else
#pragma GCC push_options
#pragma GCC target("avx512f,avx512bw,avx512dq,avx512vl,fma,bmi2")
#endif
#define LEVEL avx512
#define LANES 16
#define TILE_ROWS 8
#define TILE_VECTORS 3
#define TILE_DEPTH 288
typedef float vec_avx512 __attribute__((vector_size(64)));
typedef int ivec_avx512 __attribute__((vector_size(64)));
#define vec vec_avx512
#define ivec ivec_avx512
#define LOAD(p) ((vec)_mm512_loadu_ps(p))
#define STORE(p, v) _mm512_storeu_ps((p), (__m512)(v))
#define BROADCAST(s) ((vec)_mm512_set1_ps(s))
#define MULTIPLY_ADD(a, b, c) ((vec)_mm512_fmadd_ps((__m512)(a), (__m512)(b), (__m512)(c)))
#define SQUARE_ROOT(v) ((vec)_mm512_sqrt_ps((__m512)(v)))
#include "level.inc"
#if defined(__clang__)
#pragma clang attribute pop
#else
#pragma GCC pop_options
#endif

#endif

typedef struct {
  const char *name;
  void (*product)(size_t, size_t, size_t, const float *, size_t, const float *, const float *, bool, float *, size_t);
  void (*transposed_product)(size_t, size_t, size_t, const float *, size_t, const float *, size_t, float *, size_t);
  void (*rms_norm)(size_t, size_t, float, const float *, const float *, size_t, float *, size_t);
  void (*layer_norm)(size_t, size_t, float, const float *, const float *, const float *, size_t, float *, size_t);
  void (*rotate)(size_t, size_t, size_t, const float *, const float *, float *, size_t);
  void (*activate_rows)(int, size_t, size_t, const float *, size_t, const float *, float *, size_t);
  void (*attention)(size_t, size_t, size_t, size_t, bool, float, const float *, size_t, const kernels_key_run *, size_t,
                    float *, size_t, float *, size_t, float *);
  void (*adamw)(const kernels_adamw *, size_t, const float *, float *, float *, float *);
  double (*square_sum)(size_t, const float *);
  void (*blend)(size_t, float, const float *, float *);
  void (*rms_norm_gradient)(size_t, size_t, float, const float *, const float *, size_t, const float *, size_t,
                            const float *, size_t, float *, size_t, float *);
  void (*layer_norm_gradient)(size_t, size_t, float, const float *, const float *, size_t, const float *, size_t, float *,
                              size_t, float *, float *);
  void (*activation_gradient)(int, size_t, size_t, const float *, size_t, const float *, const float *, size_t, float *,
                              size_t, float *);
  void (*column_sums)(size_t, size_t, const float *, size_t, float *);
  void (*attention_gradient)(size_t, size_t, size_t, size_t, bool, float, const float *, size_t, const kernels_key_run *,
                             size_t, const float *, size_t, const float *, size_t, const float *, size_t, float *, size_t,
                             const kernels_key_gradient *, float *);
} level;

#define LEVEL_TABLE(suffix)                                                                                       \
  {                                                                                                               \
    #suffix, product_##suffix, transposed_product_##suffix, rms_norm_##suffix, layer_norm_##suffix, rotate_##suffix, activate_rows_##suffix, \
        attention_##suffix, adamw_##suffix, square_sum_##suffix, blend_##suffix, rms_norm_gradient_##suffix,      \
        layer_norm_gradient_##suffix, activation_gradient_##suffix, column_sums_##suffix,                         \
        attention_gradient_##suffix                                                                                 \
  }

static const level levels[] = {
    LEVEL_TABLE(generic),
#if defined(__x86_64__)
    LEVEL_TABLE(avx2),
    LEVEL_TABLE(avx512),
#endif
};
static const level *chosen = &levels[0];

__attribute__((constructor)) static void choose_level(void) { kernels_use_level(NULL); }

bool kernels_use_level(const char *name) {
  const level *best = NULL;
  for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
    bool runs = true;
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (i == 1) runs = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi2");
    if (i == 2)
      runs = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
             __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl");
#endif
    if (runs && (!name || strcmp(name, levels[i].name) == 0)) best = &levels[i];
  }
  if (best) chosen = best;
  return best != NULL;
}

const char *kernels_level(void) { return chosen->name; }

void kernels_product_f32(size_t rows, size_t columns, size_t depth, const float *x, size_t x_stride, const float *packed,
                         const float *bias, bool accumulate, float *y, size_t y_stride) {
  chosen->product(rows, columns, depth, x, x_stride, packed, bias, accumulate, y, y_stride);
}

void kernels_transposed_product_f32(size_t rows, size_t m, size_t n, const float *a, size_t a_stride, const float *b,
                                    size_t b_stride, float *c, size_t c_stride) {
  chosen->transposed_product(rows, m, n, a, a_stride, b, b_stride, c, c_stride);
}

void kernels_rms_norm_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *x,
                          size_t x_stride, float *y, size_t y_stride) {
  chosen->rms_norm(rows, columns, epsilon, weight, x, x_stride, y, y_stride);
}

void kernels_layer_norm_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *bias,
                            const float *x, size_t x_stride, float *y, size_t y_stride) {
  chosen->layer_norm(rows, columns, epsilon, weight, bias, x, x_stride, y, y_stride);
}

void kernels_rotate_f32(size_t rows, size_t heads, size_t head_size, const float *cosines, const float *sines, float *x,
                        size_t x_stride) {
  chosen->rotate(rows, heads, head_size, cosines, sines, x, x_stride);
}

void kernels_activate_f32(int kind, size_t rows, size_t columns, const float *x, size_t x_stride, const float *factor,
                          float *y, size_t y_stride) {
  chosen->activate_rows(kind, rows, columns, x, x_stride, factor, y, y_stride);
}

size_t kernels_attention_scratch(size_t keys, size_t head_size) {
  const size_t padded = (keys + PANEL - 1) / PANEL * PANEL;
  const size_t value_columns = (head_size + PANEL - 1) / PANEL * PANEL;
  return padded * head_size + value_columns * keys + QUERY_BLOCK * padded;
}

void kernels_attention_f32(size_t queries, size_t first_query, size_t heads, size_t head_size, bool causal, float scale,
                           const float *q, size_t q_stride, const kernels_key_run *runs, size_t run_count, float *out,
                           size_t out_stride, float *log_sums, size_t log_stride, float *scratch) {
  chosen->attention(queries, first_query, heads, head_size, causal, scale, q, q_stride, runs, run_count, out, out_stride,
                    log_sums, log_stride, scratch);
}

void kernels_rms_norm_gradient_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *x,
                                   size_t x_stride, const float *dy, size_t dy_stride, const float *skip,
                                   size_t skip_stride, float *dx, size_t dx_stride, float *d_weight) {
  chosen->rms_norm_gradient(rows, columns, epsilon, weight, x, x_stride, dy, dy_stride, skip, skip_stride, dx, dx_stride,
                            d_weight);
}

void kernels_layer_norm_gradient_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *x,
                                     size_t x_stride, const float *dy, size_t dy_stride, float *dx, size_t dx_stride,
                                     float *d_weight, float *d_bias) {
  chosen->layer_norm_gradient(rows, columns, epsilon, weight, x, x_stride, dy, dy_stride, dx, dx_stride, d_weight, d_bias);
}

void kernels_activation_gradient_f32(int kind, size_t rows, size_t columns, const float *x, size_t x_stride,
                                     const float *factor, const float *dy, size_t dy_stride, float *dx, size_t dx_stride,
                                     float *d_factor) {
  chosen->activation_gradient(kind, rows, columns, x, x_stride, factor, dy, dy_stride, dx, dx_stride, d_factor);
}

void kernels_column_sums_f32(size_t rows, size_t columns, const float *x, size_t x_stride, float *sums) {
  chosen->column_sums(rows, columns, x, x_stride, sums);
}

size_t kernels_attention_gradient_scratch(size_t keys, size_t head_size) {
  const size_t value_columns = (head_size + PANEL - 1) / PANEL * PANEL;
  return keys * (head_size + 2 * PANEL) + PANEL * (3 * head_size + 2 * value_columns);
}

void kernels_attention_gradient_f32(size_t queries, size_t first_query, size_t heads, size_t head_size, bool causal,
                                    float scale, const float *q, size_t q_stride, const kernels_key_run *runs,
                                    size_t run_count, const float *out, size_t out_stride, const float *log_sums,
                                    size_t log_stride, const float *d_out, size_t d_out_stride, float *d_q,
                                    size_t d_q_stride, const kernels_key_gradient *gradients, float *scratch) {
  chosen->attention_gradient(queries, first_query, heads, head_size, causal, scale, q, q_stride, runs, run_count, out,
                             out_stride, log_sums, log_stride, d_out, d_out_stride, d_q, d_q_stride, gradients, scratch);
}

void kernels_adamw_f32(const kernels_adamw *step, size_t n, const float *gradient, float *parameter, float *first,
                       float *second) {
  chosen->adamw(step, n, gradient, parameter, first, second);
}

double kernels_square_sum_f32(size_t n, const float *x) { return chosen->square_sum(n, x); }

void kernels_blend_f32(size_t n, float share, const float *x, float *y) { chosen->blend(n, share, x, y); }

size_t kernels_packed_count(size_t columns, size_t depth) { return (columns + PANEL - 1) / PANEL * PANEL * depth; }

void kernels_pack_f32(size_t rows, size_t depth, const float *weights, size_t stride, float *packed, size_t first_column) {
  for (size_t i = 0; i < rows;) {
    // Up to a cache line of columns at a time, so that lines are written whole.
    const size_t column = first_column + i;
    const size_t in_line = 16 - column % 16;
    const size_t count = rows - i < in_line ? rows - i : in_line;
    float *target = packed + column / PANEL * PANEL * depth + column % PANEL;
    for (size_t k = 0; k < depth; k++)
      for (size_t j = 0; j < count; j++) target[k * PANEL + j] = weights[(i + j) * stride + k];
    i += count;
  }
}

void kernels_pack_transposed_f32(size_t rows, size_t columns, const float *weights, size_t stride, float *packed,
                                 size_t depth, size_t first_row) {
  for (size_t first = 0; first < columns; first += PANEL) {
    const size_t width = columns - first < PANEL ? columns - first : PANEL;
    float *target = packed + first * depth + first_row * PANEL;
    for (size_t i = 0; i < rows; i++, target += PANEL) memcpy(target, weights + i * stride + first, width * sizeof(float));
  }
}

size_t kernels_take(size_t *next) { return __atomic_fetch_add(next, 1, __ATOMIC_RELAXED); }
