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

QMIMIC_DECLARE(portable)
#if defined(__x86_64__)
QMIMIC_DECLARE(avx2)
QMIMIC_DECLARE(avx512)
#endif

static Kernels choose() {
  switch (choose_isa()) {
#if defined(__x86_64__)
    case Isa::avx512: return avx512::table();
    case Isa::avx2: return avx2::table();
#endif
    default: return portable::table();
  }
}

const Kernels& kernels() {
  static const Kernels chosen = choose();
  return chosen;
}

}  // namespace qmimic
