// What Node lacks for files that processes share: locks of the kernel, and a fast checksum.
#pragma once
#include <napi.h>

namespace qmimic {

// (file descriptor) -> whether the lock was taken, false where another open file has it.
Napi::Value try_lock_file(const Napi::CallbackInfo& info);

// (file descriptor)
Napi::Value unlock_file(const Napi::CallbackInfo& info);

// (typed array, checksum of the bytes before) -> CRC-32C.
Napi::Value crc32c(const Napi::CallbackInfo& info);

}  // namespace qmimic
