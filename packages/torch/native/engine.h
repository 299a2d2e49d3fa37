// What all tensors of the process share: threads, memory allocation, and the libtorch they come from.
#pragma once

#include <napi.h>

namespace qmimic {

// setThreads(count).
Napi::Value set_threads(const Napi::CallbackInfo& info);

// releaseMemory(): returns the free pages of the heap to the system.
Napi::Value release_memory(const Napi::CallbackInfo& info);

// configuration(): version, libraries and capabilities of libtorch.
Napi::Value configuration(const Napi::CallbackInfo& info);

// Sets up memory allocation, once per process.
void prepare_process();

}  // namespace qmimic
