// Chooses the instruction set once, when the first kernel is needed.
#include "kernels/isa.h"
#include "training_kernels.h"

namespace qmimic {

#define QMIMIC_DECLARE(isa)                  \
  namespace isa {                            \
  void provide_quantize(TrainingKernels&);   \
  void provide_mimic_loss(TrainingKernels&); \
  void provide_images(TrainingKernels&);     \
  void provide_crc32c(TrainingKernels&);     \
  static TrainingKernels table() {           \
    TrainingKernels kernels{};               \
    provide_quantize(kernels);               \
    provide_mimic_loss(kernels);             \
    provide_images(kernels);                 \
    provide_crc32c(kernels);                 \
    return kernels;                          \
  }                                          \
  }

QMIMIC_EACH_ISA(QMIMIC_DECLARE)

static TrainingKernels choose() { QMIMIC_CHOSEN_TABLE() }

const TrainingKernels& training_kernels() {
  static const TrainingKernels chosen = choose();
  return chosen;
}

}  // namespace qmimic
