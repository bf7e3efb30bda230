// Kernels that Swift's baseline x86-64 code cannot do fast, each compiled for several CPUs and chosen at load time, and the
// choice of the BLAS core. Matrices are row-major; `stride` is the distance between the starts of two rows, in elements.
#pragma once
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

// Adds `count` rank-one terms to an upper Cholesky factor: R'R + sum_j x_j x_j' becomes the new R'R, by Givens rotations.
//   factor   n x n, upper triangle R with a positive diagonal; the lower triangle is neither read nor written
//   vectors  count x n, the x_j; destroyed (rotated to zero in exact arithmetic)
//   rhs      n, or NULL: the same rotations act on [R rhs; x_j targets_j], which keeps rhs = R^-T b when b gains
//            x_j targets_j for every j
//   targets  count, or NULL: in, the targets; out, the whitened residuals (t_j - prediction) / sqrt(1 + x_j' P^-1 x_j)
//   shrink   count, or NULL: out, prod_k c_k = 1 / sqrt(1 + x_j' P^-1 x_j), the determinant ratio of step j
// 2 n^2 count fused multiply-adds. Source: Golub & Van Loan, Matrix Computations, 4th ed., section 6.5.4.
void kernels_factor_update_f64(size_t n, double *factor, size_t stride, size_t count, double *vectors, double *rhs,
                               double *targets, double *shrink);
void kernels_factor_update_f32(size_t n, float *factor, size_t stride, size_t count, float *vectors, float *rhs,
                               float *targets, float *shrink);

// Removes one rank-one term, R'R - x x', by hyperbolic rotations in mixed form. Returns 0, or the order of the first minor
// that would not be positive; the factor is then spoilt. `vector` is destroyed.
size_t kernels_factor_downdate_f64(size_t n, double *factor, size_t stride, double *vector);
size_t kernels_factor_downdate_f32(size_t n, float *factor, size_t stride, float *vector);

// Adds alpha x x' to the upper triangle of an n x n matrix; one thread whatever the BLAS does.
void kernels_symmetric_rank_one_f64(size_t n, double alpha, const double *x, double *matrix, size_t stride);
void kernels_symmetric_rank_one_f32(size_t n, float alpha, const float *x, float *matrix, size_t stride);

// x = alpha x: reads and writes each element once; the probe of memory bandwidth.
void kernels_scale_f64(size_t n, double alpha, double *x);

// The core whose kernels OpenBLAS runs.
//   before   what its own detection chose
//   after    what it runs now
// Empty strings where the BLAS cannot tell. Both stay valid for the life of the process.
typedef struct {
  const char *before;
  const char *after;
} kernels_blas_core;
kernels_blas_core kernels_blas_core_in_use(void);

// OpenBLAS's description of its build, or "" from another BLAS.
const char *kernels_blas_configuration(void);
// Threads of the BLAS; 0 where it cannot tell.
int kernels_blas_threads(void);
// Sets the threads of the BLAS; false where it has no such call.
bool kernels_blas_set_threads(int threads);

// ---- Transformers: Y = X W' with packed weights, norms, rotary embedding, activations, attention ----
//
// A row of any result depends on its own row of the input alone, to the bit.

// The level of the CPU whose kernels run: "generic", "avx2" or "avx512".
const char *kernels_level(void);
// Takes another level, NULL for the best; false where this CPU lacks it. For tests: not while kernels run.
bool kernels_use_level(const char *name);

// Packed weights: panels of 48 columns of W' (rows of W), each panel `depth` steps of 48 floats, absent columns 0.
size_t kernels_packed_count(size_t columns, size_t depth);
// Packs `rows` rows of W as columns first_column, first_column + 1, ... of memory that was 0 before.
void kernels_pack_f32(size_t rows, size_t depth, const float *weights, size_t stride, float *packed, size_t first_column);
// Y (rows x columns) = X (rows x depth) W' + bias, or Y += that. `bias` may be NULL. 2 rows columns depth operations.
void kernels_product_f32(size_t rows, size_t columns, size_t depth, const float *x, size_t x_stride, const float *packed,
                         const float *bias, bool accumulate, float *y, size_t y_stride);
// C = A'B: A is rows x m, B rows x n, C m x n; on the calling thread.
void kernels_transposed_product_f32(size_t rows, size_t m, size_t n, const float *a, size_t a_stride, const float *b,
                                    size_t b_stride, float *c, size_t c_stride);

// The same with operands rounded to bfloat16 and sums in float, in pairs of depth. Only where kernels_has_bf16.
bool kernels_has_bf16(void);
size_t kernels_packed_count_bf16(size_t columns, size_t depth);
void kernels_pack_bf16(size_t rows, size_t depth, const float *weights, size_t stride, uint32_t *packed,
                       size_t first_column);
// Words that the rounded X takes, and the rounding.
size_t kernels_round_count_bf16(size_t rows, size_t depth);
void kernels_round_bf16(size_t rows, size_t depth, const float *x, size_t x_stride, uint32_t *y);
void kernels_product_bf16(size_t rows, size_t columns, size_t depth, const uint32_t *x, const uint32_t *packed,
                          const float *bias, bool accumulate, float *y, size_t y_stride);

// y = x / sqrt(mean(x^2) + epsilon) * weight, row by row; y may be x.
void kernels_rms_norm_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *x,
                          size_t x_stride, float *y, size_t y_stride);
// y = (x - mean) / sqrt(variance + epsilon) * weight + bias, row by row; y may be x.
void kernels_layer_norm_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *bias,
                            const float *x, size_t x_stride, float *y, size_t y_stride);
// Rotates the pairs (j, j + head_size/2) of each head by the row's angles; cosines and sines are rows x head_size/2.
void kernels_rotate_f32(size_t rows, size_t heads, size_t head_size, const float *cosines, const float *sines, float *x,
                        size_t x_stride);

enum { KERNELS_SILU, KERNELS_GELU, KERNELS_GELU_TANH, KERNELS_RELU };
// y = activation(x), times `factor` (rows like x's) unless it is NULL; y may be x.
void kernels_activate_f32(int kind, size_t rows, size_t columns, const float *x, size_t x_stride, const float *factor,
                          float *y, size_t y_stride);

// Some consecutive keys and values of one head: rows of head_size floats.
typedef struct {
  const float *keys;
  const float *values;
  size_t stride;
  size_t count;
} kernels_key_run;

// out = softmax(scale q K' + mask) V for `heads` query heads side by side (q and out advance by head_size) that share the
// keys and values of the runs, in order. Causal: query i sees the first first_query + i + 1 keys of all runs together.
// `log_sums` (queries x heads) takes ln sum e^(scale q k) over the keys that are seen, for the gradient; or NULL.
void kernels_attention_f32(size_t queries, size_t first_query, size_t heads, size_t head_size, bool causal, float scale,
                           const float *q, size_t q_stride, const kernels_key_run *runs, size_t run_count, float *out,
                           size_t out_stride, float *log_sums, size_t log_stride, float *scratch);
// Floats of scratch that attention over `keys` keys takes.
size_t kernels_attention_scratch(size_t keys, size_t head_size);

// ---- Training: passes over long arrays. An element's bits depend neither on its place nor on the level. ----

// One step of AdamW at one rate: with g = gradient_factor gradient,
//   first     += first_share (g - first)
//   second     = second_kept second + second_share g^2
//   parameter  = kept parameter - rate first / (sqrt(second) / second_correction + epsilon)
typedef struct {
  float gradient_factor;
  float first_share;        // 1 - beta1
  float second_kept;        // beta2
  float second_share;       // 1 - beta2
  float second_correction;  // sqrt(1 - beta2^t)
  float epsilon;
  float rate;  // learning rate / (1 - beta1^t)
  float kept;  // 1 - learning rate x weight decay
} kernels_adamw;
// Seven floats of memory an element are read or written.
void kernels_adamw_f32(const kernels_adamw *step, size_t n, const float *gradient, float *parameter, float *first,
                       float *second);
// sum x^2 in double: not finite exactly where some x is not.
double kernels_square_sum_f32(size_t n, const float *x);
// y += share (x - y).
void kernels_blend_f32(size_t n, float share, const float *x, float *y);
// ---- Gradients: dy by a function's result, dx by its input ----

// The same matrix as `rows` rows of W' from first_row on, of `depth` in all, into memory that was 0 before: for
// dX = dY W, whose packed weights are W'.
void kernels_pack_transposed_f32(size_t rows, size_t columns, const float *weights, size_t stride, float *packed,
                                 size_t depth, size_t first_row);

// Of kernels_rms_norm_f32: dx = skip + its gradient (`skip` may be NULL, `dx` may be `dy` or `skip`); d_weight grows by
// the sum over the rows.
void kernels_rms_norm_gradient_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *x,
                                   size_t x_stride, const float *dy, size_t dy_stride, const float *skip,
                                   size_t skip_stride, float *dx, size_t dx_stride, float *d_weight);
// Of kernels_layer_norm_f32; `dx` may be `dy`, d_weight and d_bias grow.
void kernels_layer_norm_gradient_f32(size_t rows, size_t columns, float epsilon, const float *weight, const float *x,
                                     size_t x_stride, const float *dy, size_t dy_stride, float *dx, size_t dx_stride,
                                     float *d_weight, float *d_bias);
// Of kernels_activate_f32; d_factor has the rows of dx and is not touched where `factor` is NULL. dx may be dy or, with
// d_factor in the factor's place, x.
void kernels_activation_gradient_f32(int kind, size_t rows, size_t columns, const float *x, size_t x_stride,
                                     const float *factor, const float *dy, size_t dy_stride, float *dx, size_t dx_stride,
                                     float *d_factor);
// sums += the sums of the columns of x.
void kernels_column_sums_f32(size_t rows, size_t columns, const float *x, size_t x_stride, float *sums);

// Gradients by the keys and values of a run, row by row; they grow.
typedef struct {
  float *keys;
  float *values;
  size_t stride;
} kernels_key_gradient;

// Of kernels_attention_f32, whose result and log_sums it takes: d_q is set, the gradients of the runs grow. `out` must not
// stand in the place of q.
void kernels_attention_gradient_f32(size_t queries, size_t first_query, size_t heads, size_t head_size, bool causal,
                                    float scale, const float *q, size_t q_stride, const kernels_key_run *runs,
                                    size_t run_count, const float *out, size_t out_stride, const float *log_sums,
                                    size_t log_stride, const float *d_out, size_t d_out_stride, float *d_q,
                                    size_t d_q_stride, const kernels_key_gradient *gradients, float *scratch);
// Floats of scratch that it takes.
size_t kernels_attention_gradient_scratch(size_t keys, size_t head_size);

// The next index of a counter that several threads draw from.
size_t kernels_take(size_t *next);
