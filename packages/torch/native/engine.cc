#include "engine.h"

#include <ATen/ATen.h>
#include <ATen/Parallel.h>
#include <dlfcn.h>
#include <torch/version.h>

#include <string>

#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "allocator.h"

namespace qmimic {

Napi::Value set_threads(const Napi::CallbackInfo& info) {
  const int threads = info[0].As<Napi::Number>().Int32Value();
  at::set_num_threads(threads);
  // OpenBLAS has its own thread pool, which libtorch's setting does not affect.
  using Setter = void (*)(int);
  if (auto set = reinterpret_cast<Setter>(dlsym(RTLD_DEFAULT, "openblas_set_num_threads"))) set(threads);
  return info.Env().Undefined();
}

Napi::Value release_memory(const Napi::CallbackInfo& info) {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
  return info.Env().Undefined();
}

namespace {

std::string blas_path() {
  void* symbol = dlsym(RTLD_DEFAULT, "sgemm_");
  Dl_info found;
  if (symbol && dladdr(symbol, &found) && found.dli_fname) return found.dli_fname;
  return "";
}

// Whether the processor has bfloat16 instructions: without them, libtorch converts each number to float and back.
bool multiplies_bfloat16() {
#if defined(__x86_64__) && defined(__GNUC__)
  return __builtin_cpu_supports("avx512bf16");
#else
  return false;
#endif
}

}  // namespace

Napi::Value configuration(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  auto result = Napi::Object::New(env);
  Dl_info found;
  const auto* anchor = reinterpret_cast<void*>(&at::show_config);
  result.Set("version", TORCH_VERSION);
  result.Set("path", dladdr(anchor, &found) && found.dli_fname ? found.dli_fname : "");
  result.Set("threads", at::get_num_threads());
  result.Set("oneDNN", at::hasMKLDNN());
  result.Set("mkl", at::hasMKL());
  result.Set("cuda", at::hasCUDA());
  result.Set("bfloat16", multiplies_bfloat16());
  result.Set("blas", blas_path());
  result.Set("openblas", dlsym(RTLD_DEFAULT, "openblas_set_num_threads") != nullptr);
  result.Set("build", at::show_config());
  return result;
}

void prepare_process() {
#ifdef __GLIBC__
  // By default, glibc returns every large block to the system, and tiny networks then spend their time on page faults.
  // Allocate only from the heap (mmap thresholds above 32 MiB are rejected), and trim it late.
  mallopt(M_MMAP_MAX, 0);
  mallopt(M_TRIM_THRESHOLD, 2000 << 20);
  mallopt(M_TOP_PAD, 64 << 20);
#endif
  use_allocator();
}

}  // namespace qmimic
