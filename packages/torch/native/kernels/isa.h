// The instruction set that kernels use in this process: the widest that the processor supports, or the one named by the
// environment variable QMIMIC_ISA.
#pragma once
#include <cstdlib>
#include <stdexcept>
#include <string>

namespace qmimic {

enum class Isa { portable, avx2, avx512 };

// X(name) for each instruction set that kernels are compiled for on this kind of processor.
#if defined(__x86_64__)
#define QMIMIC_EACH_ISA(X) X(portable) X(avx2) X(avx512)
#else
#define QMIMIC_EACH_ISA(X) X(portable)
#endif

// Returns the table() of the chosen instruction set's namespace.
#define QMIMIC_TABLE_CASE(isa) \
  case Isa::isa:               \
    return isa::table();
#define QMIMIC_CHOSEN_TABLE()                              \
  switch (choose_isa()) {                                  \
    QMIMIC_EACH_ISA(QMIMIC_TABLE_CASE)                     \
    default:                                               \
      throw std::logic_error("not an instruction set");    \
  }

// Throws if the processor lacks the one named by QMIMIC_ISA.
inline Isa choose_isa() {
  const char* variable = std::getenv("QMIMIC_ISA");
  const std::string wanted = variable ? variable : "";
  if (wanted == "portable") return Isa::portable;
#if defined(__x86_64__)
  __builtin_cpu_init();
  const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  const bool has_avx512 = has_avx2 && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
                          __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq");
  if ((wanted == "" || wanted == "avx512") && has_avx512) return Isa::avx512;
  if ((wanted == "" || wanted == "avx2") && has_avx2) return Isa::avx2;
#endif
  if (wanted == "") return Isa::portable;
  throw std::runtime_error("QMIMIC_ISA=" + wanted +
                           ": expected portable, avx2 or avx512, and this processor must support it");
}

}  // namespace qmimic
