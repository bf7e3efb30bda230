// The kernels of transformers at each level of this CPU against loops in double: sizes around the edges of vectors, tiles and panels,
// rows that are apart, elements that no kernel may write, and that a row's bits depend on that row alone.
#include "CKernels.h"

#include <float.h>
#include <string.h>

#include "check.h"

// What must not be written is filled with this.
#define UNTOUCHED 12345.0f
// Elements between two rows.
#define GAP 3

static const char *current = "";

static float *floats(size_t count) {
  float *memory = malloc((count + 1) * sizeof *memory);
  if (!memory) exit(EXIT_FAILURE);
  return memory;
}

static float *random_floats(size_t count, uint64_t *random) {
  float *memory = floats(count);
  for (size_t i = 0; i < count; i++) memory[i] = (float)next_value(random);
  return memory;
}

static float *copy(const float *source, size_t count) {
  float *memory = floats(count);
  memcpy(memory, source, count * sizeof *memory);
  return memory;
}

// Whether the elements between the rows, and after the last, are as they were.
static bool gaps_are_untouched(const float *y, size_t rows, size_t columns, size_t stride) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = columns; j < stride; j++)
      if (y[i * stride + j] != UNTOUCHED) return false;
  return true;
}

static void mark_gaps(float *y, size_t rows, size_t columns, size_t stride) {
  for (size_t i = 0; i < rows; i++)
    for (size_t j = columns; j < stride; j++) y[i * stride + j] = UNTOUCHED;
}

#include "row_kernels_product.inc"
#include "row_kernels_elementwise.inc"
#include "row_kernels_attention.inc"
#include "row_kernels_optimizer.inc"
#include "row_kernels_gradient.inc"

int main(void) {
  static const char *names[] = {"generic", "avx2", "avx512"};
  CHECK(!kernels_use_level("no such level"), "a level of any name is taken");
  const char *best = kernels_level();
  int levels = 0;
  for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
    if (!kernels_use_level(names[i])) {
      printf("row_kernels_test: this CPU lacks %s\n", names[i]);
      continue;
    }
    levels++;
    current = kernels_level();
    CHECK(strcmp(current, names[i]) == 0, "%s was asked for, %s runs", names[i], current);
    check_products();
    check_elementwise();
    check_attention();
    check_optimizer(levels);
    check_gradients();
    if (failures == 0) printf("row_kernels_test: %s agrees\n", current);
  }
  CHECK(levels >= 1, "the generic level runs everywhere");
  CHECK(kernels_use_level(NULL) && strcmp(kernels_level(), best) == 0, "the best level is %s at first, then %s", best,
        kernels_level());
  if (kernels_has_bf16()) {
    current = "bf16";
    check_bf16_products();
  } else {
    printf("row_kernels_test: this CPU lacks AVX512-BF16\n");
  }
  check_counter();
  return report("row_kernels_test");
}
