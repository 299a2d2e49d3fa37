#include "ivalue.h"

#include <ATen/core/jit_type.h>

#include <cmath>
#include <sstream>
#include <utility>

#include "tensor_box.h"

namespace qmimic {

namespace {

constexpr std::pair<const char*, at::ScalarType> kDtypes[] = {
    {"float32", at::kFloat}, {"float64", at::kDouble}, {"float16", at::kHalf}, {"bfloat16", at::kBFloat16},
    {"int64", at::kLong},    {"int32", at::kInt},      {"int16", at::kShort},  {"int8", at::kChar},
    {"uint8", at::kByte},    {"bool", at::kBool},
};

[[noreturn]] void type_error(const Napi::Value& value, const std::string& argument, const std::string& expected) {
  throw Napi::TypeError::New(value.Env(), "argument '" + argument + "': expected " + expected + ", got " +
                                              value.ToString().Utf8Value());
}

bool absent(const Napi::Value& value) { return value.IsNull() || value.IsUndefined(); }

int64_t to_int(const Napi::Value& value, const std::string& argument) {
  // dtype and memory format are plain ints in schemas; callers pass their names.
  if (value.IsString()) {
    const std::string name = value.As<Napi::String>().Utf8Value();
    if (name == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
    if (name == "channels_last") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
    return static_cast<int64_t>(dtype_from_name(value.Env(), name));
  }
  if (value.IsBigInt()) {
    bool lossless = true;
    const int64_t integer = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (!lossless) type_error(value, argument, "an integer of 64 bits");
    return integer;
  }
  if (!value.IsNumber()) type_error(value, argument, "an integer");
  const double number = value.As<Napi::Number>().DoubleValue();
  // Beyond 2^53, the number may have been rounded; far beyond, the conversion is undefined.
  if (std::floor(number) != number || std::abs(number) > 9007199254740992.0) type_error(value, argument, "an integer");
  return static_cast<int64_t>(number);
}

double to_double(const Napi::Value& value, const std::string& argument) {
  if (!value.IsNumber()) type_error(value, argument, "a number");
  return value.As<Napi::Number>().DoubleValue();
}

c10::IValue to_scalar(const Napi::Value& value, const std::string& argument) {
  if (value.IsBoolean()) return value.As<Napi::Boolean>().Value();
  const double number = to_double(value, argument);
  if (std::floor(number) == number && std::abs(number) < 9007199254740992.0) return static_cast<int64_t>(number);
  return number;
}

c10::IValue to_list(const Napi::Value& value, const c10::TypePtr& element, const std::string& argument) {
  // A single number is accepted for a list: stride: 2 is stride: [2] (libtorch expands it).
  if (value.IsNumber() && (element->kind() == c10::TypeKind::IntType)) {
    return c10::List<int64_t>({to_int(value, argument)});
  }
  if (!value.IsArray()) type_error(value, argument, "an array of " + element->str());
  const auto array = value.As<Napi::Array>();
  c10::impl::GenericList list(element);
  list.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    list.push_back(to_ivalue(array[i], element, argument + "[" + std::to_string(i) + "]"));
  }
  return list;
}

}  // namespace

at::ScalarType dtype_from_name(Napi::Env env, const std::string& name) {
  for (const auto& [known, dtype] : kDtypes) {
    if (name == known) return dtype;
  }
  throw Napi::TypeError::New(env, "unknown dtype '" + name + "', expected float32, float64, float16, bfloat16, " +
                                      "int64, int32, int16, int8, uint8 or bool");
}

const char* dtype_name(at::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes) {
    if (dtype == known) return name;
  }
  return c10::toString(dtype);
}

c10::IValue to_ivalue(const Napi::Value& value, const c10::TypePtr& type, const std::string& argument) {
  switch (type->kind()) {
    case c10::TypeKind::OptionalType:
      if (absent(value)) return {};
      return to_ivalue(value, type->castRaw<c10::OptionalType>()->getElementType(), argument);
    case c10::TypeKind::TensorType:
      if (!value.IsExternal()) type_error(value, argument, "a Tensor");
      return unwrap(value);
    case c10::TypeKind::ListType:
      return to_list(value, type->castRaw<c10::ListType>()->getElementType(), argument);
    case c10::TypeKind::BoolType:
      if (!value.IsBoolean()) type_error(value, argument, "a boolean");
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::IntType:
      return to_int(value, argument);
    case c10::TypeKind::FloatType:
      return to_double(value, argument);
    case c10::TypeKind::NumberType:
      return to_scalar(value, argument);
    case c10::TypeKind::StringType:
      return value.ToString().Utf8Value();
    case c10::TypeKind::DeviceObjType:
      return c10::Device(value.ToString().Utf8Value());
    default:
      // Newer libtorch versions have other names for some ints (SymInt, ScalarType, MemoryFormat): all accept an
      // integer.
      if (value.IsNumber() || value.IsString() || value.IsBigInt()) return to_int(value, argument);
      type_error(value, argument, type->str());
  }
}

Napi::Value from_ivalue(Napi::Env env, const c10::IValue& value) {
  if (value.isNone()) return env.Null();
  if (value.isTensor()) {
    const auto& tensor = value.toTensor();
    if (!tensor.defined()) return env.Null();
    return wrap(env, tensor);
  }
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) return Napi::Number::New(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isList() || value.isTuple()) {
    const auto items = value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().vec();
    auto array = Napi::Array::New(env, items.size());
    for (size_t i = 0; i < items.size(); ++i) array[static_cast<uint32_t>(i)] = from_ivalue(env, items[i]);
    return array;
  }
  throw Napi::TypeError::New(env, "the operator returned a " + value.tagKind() +
                                      ", which cannot be converted to JavaScript");
}

std::string describe(const c10::IValue& value) {
  std::ostringstream text;
  if (value.isTensor() && value.toTensor().defined()) {
    const auto& tensor = value.toTensor();
    text << dtype_name(tensor.scalar_type()) << " [";
    for (int64_t i = 0; i < tensor.dim(); ++i) text << (i ? ", " : "") << tensor.size(i);
    text << "]";
  } else if (value.isTensorList()) {
    text << value.toTensorVector().size() << " tensors";
  } else {
    text << value;
  }
  return text.str();
}

}  // namespace qmimic
