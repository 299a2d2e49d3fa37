// Handling of signals that should not wait for native code to return.
#pragma once
#include <napi.h>

namespace qmimic {

// () Passes the first SIGINT or SIGTERM to its current handler; the second one ends the process immediately.
Napi::Value end_at_second_signal(const Napi::CallbackInfo& info);

}  // namespace qmimic
