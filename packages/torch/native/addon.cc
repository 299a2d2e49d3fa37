// libtorch for JavaScript through one generic call: looks up an operator in the dispatcher and calls it boxed.
#include <ATen/ATen.h>
#include <ATen/core/dispatch/Dispatcher.h>
#include <c10/core/GradMode.h>
#include <napi.h>

#include <cmath>
#include <cstring>
#include <deque>
#include <mutex>
#include <sstream>
#include <string>
#include <vector>

#include "engine.h"
#include "exports.h"
#include "ivalue.h"
#include "tensor_box.h"

namespace qmimic {

namespace {

struct Operator {
  c10::OperatorHandle handle;
  std::string name;
};

// Data of one Node environment: the main thread and each worker thread have one. The only mutable state they share is
// synchronized.
struct Environment {
  // Operators looked up so far; JavaScript keeps the index (a lookup by name would cost 8 us per call).
  std::deque<Operator> operators;  // a deque, because references must stay valid while operators are added
};

Environment& environment(Napi::Env env) { return *env.GetInstanceData<Environment>(); }

Napi::Value lookup(const Napi::CallbackInfo& info) {
  const std::string name = info[0].ToString().Utf8Value();
  const std::string overload = info[1].IsUndefined() ? "" : info[1].ToString().Utf8Value();
  auto found = c10::Dispatcher::singleton().findSchema({name, overload});
  const std::string full = overload.empty() ? name : name + "." + overload;
  if (!found) throw Napi::Error::New(info.Env(), "libtorch has no operator '" + full + "'");
  auto& operators = environment(info.Env()).operators;
  operators.push_back({*found, full});
  return Napi::Number::New(info.Env(), static_cast<double>(operators.size() - 1));
}

std::string call_site(const Operator& op, const std::vector<c10::IValue>& arguments) {
  std::ostringstream text;
  text << op.name << "(";
  const auto& schema = op.handle.schema().arguments();
  for (size_t i = 0; i < arguments.size(); ++i) {
    text << (i ? ", " : "") << schema[i].name() << ": " << describe(arguments[i]);
  }
  text << ")";
  return text.str();
}

Napi::Value call(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto& op = environment(env).operators.at(info[0].As<Napi::Number>().Uint32Value());
  const auto given = info[1].As<Napi::Array>();
  const auto& schema = op.handle.schema().arguments();
  if (given.Length() > schema.size()) {
    throw Napi::TypeError::New(env, op.name + ": expected at most " + std::to_string(schema.size()) +
                                        " arguments, got " + std::to_string(given.Length()));
  }
  c10::Stack stack;
  stack.reserve(schema.size());
  for (uint32_t i = 0; i < schema.size(); ++i) {
    const Napi::Value value = i < given.Length() ? static_cast<Napi::Value>(given[i]) : env.Undefined();
    if (value.IsUndefined() && schema[i].default_value()) {
      stack.push_back(*schema[i].default_value());
      continue;
    }
    try {
      stack.push_back(to_ivalue(value, schema[i].type(), schema[i].name()));
    } catch (const Napi::Error& error) {
      throw Napi::TypeError::New(env, op.name + ": " + error.Message());
    } catch (const c10::Error& error) {
      throw Napi::TypeError::New(env, op.name + ": argument '" + schema[i].name() + "': " +
                                          error.what_without_backtrace());
    }
  }
  const c10::Stack arguments = stack;  // shares the tensors; for the error message
  try {
    op.handle.callBoxed(&stack);
  } catch (const c10::Error& error) {
    throw Napi::Error::New(env, call_site(op, arguments) + ": " + error.what_without_backtrace());
  } catch (const std::exception& error) {
    throw Napi::Error::New(env, call_site(op, arguments) + ": " + error.what());
  }
  if (stack.empty()) return env.Undefined();
  if (stack.size() == 1) return from_ivalue(env, stack[0]);
  auto results = Napi::Array::New(env, stack.size());
  for (size_t i = 0; i < stack.size(); ++i) results[static_cast<uint32_t>(i)] = from_ivalue(env, stack[i]);
  return results;
}

std::vector<int64_t> to_shape(const Napi::Value& value) {
  const auto array = value.As<Napi::Array>();
  std::vector<int64_t> shape(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const double side = static_cast<Napi::Value>(array[i]).ToNumber().DoubleValue();
    if (!(side >= 0 && side <= 9007199254740992.0 && std::floor(side) == side)) {
      throw Napi::RangeError::New(value.Env(), "tensor: shape [" + value.ToString().Utf8Value() +
                                                   "], expected integers of 0 or more");
    }
    shape[i] = static_cast<int64_t>(side);
  }
  return shape;
}

// The number of bytes of a shape; false if it overflows.
bool bytes_of(const std::vector<int64_t>& shape, at::ScalarType dtype, int64_t* bytes) {
  *bytes = static_cast<int64_t>(c10::elementSize(dtype));
  for (const int64_t side : shape)
    if (__builtin_mul_overflow(*bytes, side, bytes)) return false;
  return true;
}

// (typed array, shape, dtype) -> a tensor with a copy of the bytes.
Napi::Value from_data(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto array = info[0].As<Napi::TypedArray>();
  const auto shape = to_shape(info[1]);
  const auto dtype = dtype_from_name(env, info[2].ToString().Utf8Value());
  // Checked before anything is allocated: the shape is untrusted.
  int64_t bytes_needed;
  const bool countable = bytes_of(shape, dtype, &bytes_needed);
  if (!countable || bytes_needed != static_cast<int64_t>(array.ByteLength())) {
    std::ostringstream text;
    text << "tensor: " << array.ByteLength() << " bytes given, shape " << at::IntArrayRef(shape) << " of "
         << dtype_name(dtype) << " needs ";
    if (countable) text << bytes_needed;
    else text << "2^63 or more";
    throw Napi::RangeError::New(env, text.str());
  }
  auto tensor = at::empty(shape, at::TensorOptions().dtype(dtype));
  const auto* bytes = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  std::memcpy(tensor.data_ptr(), bytes, array.ByteLength());
  return wrap(env, tensor);
}

// (tensor, typed array of equal byte length): copies the elements into the array, row-major.
Napi::Value copy_out(const Napi::CallbackInfo& info) {
  const auto env = info.Env();
  const auto& tensor = unwrap(info[0]);
  auto array = info[1].As<Napi::TypedArray>();
  at::NoGradGuard no_grad;
  const auto dense = tensor.detach().to(at::kCPU).contiguous();
  if (dense.nbytes() != array.ByteLength()) {
    throw Napi::RangeError::New(env, "copyTo: the array has " + std::to_string(array.ByteLength()) +
                                         " bytes, expected the tensor's " + std::to_string(dense.nbytes()));
  }
  auto* bytes = static_cast<uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  std::memcpy(bytes, dense.data_ptr(), dense.nbytes());
  return env.Undefined();
}

Napi::Value shape_of(const Napi::CallbackInfo& info) {
  const auto sizes = unwrap(info[0]).sizes();
  auto shape = Napi::Array::New(info.Env(), sizes.size());
  for (size_t i = 0; i < sizes.size(); ++i) {
    shape[static_cast<uint32_t>(i)] = Napi::Number::New(info.Env(), static_cast<double>(sizes[i]));
  }
  return shape;
}

Napi::Value dtype_of(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), dtype_name(unwrap(info[0]).scalar_type()));
}

Napi::Value device_of(const Napi::CallbackInfo& info) {
  return Napi::String::New(info.Env(), unwrap(info[0]).device().str());
}

Napi::Value requires_grad(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), unwrap(info[0]).requires_grad());
}

Napi::Value set_requires_grad(const Napi::CallbackInfo& info) {
  unwrap(info[0]).set_requires_grad(info[1].ToBoolean().Value());
  return info.Env().Undefined();
}

Napi::Value grad_of(const Napi::CallbackInfo& info) {
  const auto& grad = unwrap(info[0]).grad();
  if (!grad.defined()) return info.Env().Null();
  return wrap(info.Env(), grad);
}

Napi::Value clear_grad(const Napi::CallbackInfo& info) {
  unwrap(info[0]).mutable_grad() = at::Tensor();
  return info.Env().Undefined();
}

Napi::Value item(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), unwrap(info[0]).item().toDouble());
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  release(info.Env(), *info[0].As<Handle>().Data());
  return info.Env().Undefined();
}

Napi::Value report_memory(const Napi::CallbackInfo& info) {
  report(info.Env(), *info[0].As<Handle>().Data());
  return info.Env().Undefined();
}

Napi::Value set_grad_enabled(const Napi::CallbackInfo& info) {
  const bool before = c10::GradMode::is_enabled();
  c10::GradMode::set_enabled(info[0].ToBoolean().Value());
  return Napi::Boolean::New(info.Env(), before);
}

Napi::Value live(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), static_cast<double>(live_handles()));
}

Napi::Object init(Napi::Env env, Napi::Object exports) {
  static std::once_flag prepared;
  std::call_once(prepared, prepare_process);
  env.SetInstanceData(new Environment);
  add(exports, "lookup", "lookup", lookup);
  add(exports, "call", "call", call);
  add(exports, "fromData", "tensor", from_data);
  add(exports, "copyOut", "copyTo", copy_out);
  add(exports, "shapeOf", "shape", shape_of);
  add(exports, "dtypeOf", "dtype", dtype_of);
  add(exports, "deviceOf", "device", device_of);
  add(exports, "requiresGrad", "requiresGrad", requires_grad);
  add(exports, "setRequiresGrad", "requiresGrad", set_requires_grad);
  add(exports, "gradOf", "grad", grad_of);
  add(exports, "clearGrad", "clearGrad", clear_grad);
  add(exports, "item", "item", item);
  add(exports, "dispose", "dispose", dispose);
  add(exports, "reportMemory", "tensor", report_memory);
  add(exports, "setGradEnabled", "noGrad", set_grad_enabled);
  add(exports, "setThreads", "setThreads", set_threads);
  add(exports, "releaseMemory", "releaseMemory", release_memory);
  add(exports, "configuration", "configuration", configuration);
  add(exports, "liveTensors", "liveTensors", live);
  return exports;
}

}  // namespace

}  // namespace qmimic

static Napi::Object Init(Napi::Env env, Napi::Object exports) { return qmimic::init(env, exports); }
NODE_API_MODULE(qmimic_torch, Init)
