// The tensor handle that JavaScript holds: it can be freed early, or report its memory to V8.
#pragma once
#include <ATen/ATen.h>
#include <napi.h>

namespace qmimic {

struct TensorBox {
  at::Tensor tensor;  // undefined once freed
  int64_t reported = 0;  // bytes reported to V8 for this handle
};

using Handle = Napi::External<TensorBox>;

// Wraps a tensor for JavaScript. The garbage collector frees it if it has not been freed explicitly.
Handle wrap(Napi::Env env, at::Tensor tensor);

// The tensor of a handle; throws a JavaScript TypeError for any other value and for a freed tensor.
at::Tensor& unwrap(const Napi::Value& value);

// Frees the tensor now; calling it twice is harmless.
void release(Napi::Env env, TensorBox& box);

// Reports the tensor's memory to V8, once: for tensors that wait for the garbage collector. Tensors that a scope frees
// must not be reported: V8 would collect its whole heap every few dozen megabytes, several times per training step.
void report(Napi::Env env, TensorBox& box);

// How many handles currently hold a tensor, in all environments.
int64_t live_handles();

}  // namespace qmimic
