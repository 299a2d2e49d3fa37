#include "tensor_box.h"

namespace qmimic {

namespace {
int64_t live = 0;  // only the JavaScript thread makes and frees handles
}

void release(Napi::Env env, TensorBox& box) {
  if (!box.tensor.defined()) return;
  box.tensor = at::Tensor();
  --live;
  if (box.reported != 0) Napi::MemoryManagement::AdjustExternalMemory(env, -box.reported);
  box.reported = 0;
}

Handle wrap(Napi::Env env, at::Tensor tensor) {
  auto* box = new TensorBox{std::move(tensor), 0};
  ++live;
  return Handle::New(env, box, [](Napi::Env finalizer_env, TensorBox* dead) {
    release(finalizer_env, *dead);
    delete dead;
  });
}

void report(Napi::Env env, TensorBox& box) {
  // A view shares its storage with the tensor it was taken from; a tensor of the device meta has none.
  if (box.reported != 0 || !box.tensor.defined() || box.tensor.is_view() || box.tensor.is_meta()) return;
  box.reported = static_cast<int64_t>(box.tensor.nbytes());
  Napi::MemoryManagement::AdjustExternalMemory(env, box.reported);
}

at::Tensor& unwrap(const Napi::Value& value) {
  if (!value.IsExternal()) throw Napi::TypeError::New(value.Env(), "expected a Tensor");
  auto& tensor = value.As<Handle>().Data()->tensor;
  if (!tensor.defined()) {
    throw Napi::TypeError::New(value.Env(), "a freed tensor was used: keep it with scope()'s return value or keep()");
  }
  return tensor;
}

int64_t live_handles() { return live; }

}  // namespace qmimic
