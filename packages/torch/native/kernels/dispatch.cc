// Chooses the instruction set once, when the first kernel is needed.
#include "isa.h"
#include "kernels.h"

namespace qmimic {

#define QMIMIC_DECLARE(isa)          \
  namespace isa {                    \
  void provide_conv3x3(Kernels&);    \
  void provide_batch_norm(Kernels&); \
  void provide_roi_align(Kernels&);  \
  static Kernels table() {           \
    Kernels kernels{};               \
    kernels.name = #isa;             \
    provide_conv3x3(kernels);        \
    provide_batch_norm(kernels);     \
    provide_roi_align(kernels);      \
    return kernels;                  \
  }                                  \
  }

QMIMIC_EACH_ISA(QMIMIC_DECLARE)

static Kernels choose() { QMIMIC_CHOSEN_TABLE() }

const Kernels& kernels() {
  static const Kernels chosen = choose();
  return chosen;
}

}  // namespace qmimic
