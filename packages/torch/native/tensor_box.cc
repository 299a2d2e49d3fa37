#include "tensor_box.h"

#include <atomic>

namespace qmimic {

namespace {
std::atomic<int64_t> live{0};  // of all environments

// Adjusts V8's count of external memory. Ignores errors: an environment that is being torn down accepts no more calls,
// and there is no one to throw to.
void adjust(Napi::Env env, int64_t bytes) {
  int64_t total;
  napi_adjust_external_memory(env, bytes, &total);
}
}

void release(Napi::Env env, TensorBox& box) {
  if (!box.tensor.defined()) return;
  box.tensor = at::Tensor();
  --live;
  if (box.reported != 0) adjust(env, -box.reported);
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
  // A view shares its storage with its base tensor; a tensor on the meta device has none.
  if (box.reported != 0 || !box.tensor.defined() || box.tensor.is_view() || box.tensor.is_meta()) return;
  box.reported = static_cast<int64_t>(box.tensor.nbytes());
  adjust(env, box.reported);
}

at::Tensor& unwrap(const Napi::Value& value) {
  if (!value.IsExternal()) throw Napi::TypeError::New(value.Env(), "expected a Tensor");
  auto& tensor = value.As<Handle>().Data()->tensor;
  if (!tensor.defined()) {
    throw Napi::TypeError::New(value.Env(),
                               "the tensor has been freed: to use it outside its scope(), return it or keep() it");
  }
  return tensor;
}

int64_t live_handles() { return live; }

}  // namespace qmimic
