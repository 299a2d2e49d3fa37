// Chooses the instruction set once, when the first kernel is needed.
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "kernels.h"

namespace qmimic {

#define QMIMIC_DECLARE(isa)            \
  namespace isa {                      \
  void provide_conv3x3(Kernels&);      \
  void provide_batch_norm(Kernels&);   \
  void provide_roi_align(Kernels&);    \
  void provide_quantize(Kernels&);     \
  void provide_mimic_loss(Kernels&);   \
  void provide_images(Kernels&);       \
  void provide_crc32c(Kernels&);       \
  static Kernels table() {             \
    Kernels kernels{};                 \
    kernels.name = #isa;               \
    provide_conv3x3(kernels);          \
    provide_batch_norm(kernels);       \
    provide_roi_align(kernels);        \
    provide_quantize(kernels);         \
    provide_mimic_loss(kernels);       \
    provide_images(kernels);           \
    provide_crc32c(kernels);           \
    return kernels;                    \
  }                                    \
  }

QMIMIC_DECLARE(portable)
#if defined(__x86_64__)
QMIMIC_DECLARE(avx2)
QMIMIC_DECLARE(avx512)
#endif

static Kernels choose() {
  const char* variable = std::getenv("QMIMIC_ISA");
  const std::string wanted = variable ? variable : "";
  if (wanted == "portable") return portable::table();
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if ((wanted == "" || wanted == "avx512") && has_avx512) return avx512::table();
  if ((wanted == "" || wanted == "avx2") && has_avx2) return avx2::table();
#endif
  if (wanted == "") return portable::table();
  throw std::runtime_error("QMIMIC_ISA=" + wanted + ": not one of portable, avx2, avx512 that this processor has");
}

const Kernels& kernels() {
  static const Kernels chosen = choose();
  return chosen;
}

}  // namespace qmimic
