// Signals that should not wait for native code to return.
#pragma once
#include <napi.h>

namespace qmimic {

// () Of SIGINT and SIGTERM the first goes to whoever handles it at this moment, the second ends the process at once.
Napi::Value end_at_second_signal(const Napi::CallbackInfo& info);

}  // namespace qmimic
