// What Node lacks for files shared between processes: kernel file locks, and a fast checksum.
#pragma once
#include <napi.h>

namespace qmimic {

// (file descriptor) -> whether the lock was taken; false if another open file has it.
Napi::Value try_lock_file(const Napi::CallbackInfo& info);

// (file descriptor)
Napi::Value unlock_file(const Napi::CallbackInfo& info);

// (typed array, checksum of the preceding bytes) -> CRC-32C.
Napi::Value crc32c(const Napi::CallbackInfo& info);

}  // namespace qmimic
