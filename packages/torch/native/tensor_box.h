// The handle JavaScript holds: a tensor that can be freed early, or whose memory V8 is told of.
#pragma once
#include <ATen/ATen.h>
#include <napi.h>

namespace qmimic {

struct TensorBox {
  at::Tensor tensor;  // undefined once freed
  int64_t reported = 0;  // bytes told to V8 for this handle
};

using Handle = Napi::External<TensorBox>;

// Wraps a tensor for JavaScript. The garbage collector frees what nobody freed before.
Handle wrap(Napi::Env env, at::Tensor tensor);

// The tensor behind a handle; throws a JavaScript TypeError for anything else and for a freed tensor.
at::Tensor& unwrap(const Napi::Value& value);

// Frees the tensor now; doing so twice is harmless.
void release(Napi::Env env, TensorBox& box);

// Tells V8 of the tensor's memory, once: for tensors that wait for the garbage collector. Those that a scope frees must
// not be reported: V8 would collect its whole heap every few dozen megabytes, several times in a training step.
void report(Napi::Env env, TensorBox& box);

// How many handles hold a tensor at this moment, in all environments.
int64_t live_handles();

}  // namespace qmimic
