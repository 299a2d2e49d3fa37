// Converts JavaScript values to and from the dispatcher's IValues, guided by the operator's schema.
#pragma once
#include <ATen/core/function_schema.h>
#include <ATen/core/ivalue.h>
#include <napi.h>

#include <string>

namespace qmimic {

// Converts one argument. Throws a JavaScript TypeError that names the argument and the expected type.
c10::IValue to_ivalue(const Napi::Value& value, const c10::TypePtr& type, const std::string& argument);

Napi::Value from_ivalue(Napi::Env env, const c10::IValue& value);

// "float32" <-> at::kFloat and so on; from_name throws for an unknown name.
at::ScalarType dtype_from_name(Napi::Env env, const std::string& name);
const char* dtype_name(at::ScalarType dtype);

// Describes an argument in one line, for error messages: "float32 [8, 3, 480, 480]".
std::string describe(const c10::IValue& value);

}  // namespace qmimic
