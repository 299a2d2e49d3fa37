// flock instead of fcntl locks: a process loses traditional fcntl locks when it closes any descriptor of the file, and
// the newer ones (F_OFD_SETLK) exist only on Linux. Linux supports flock on NFS.
#include "files.h"

#include <sys/file.h>

#include <cerrno>
#include <system_error>

#include "training_kernels.h"

namespace qmimic {

namespace {

// Returns whether it succeeded; false if it would have to wait.
bool lock(const Napi::CallbackInfo& info, int operation) {
  const int file = info[0].As<Napi::Number>().Int32Value();
  while (flock(file, operation) != 0) {
    if (errno == EWOULDBLOCK) return false;
    if (errno != EINTR) throw std::system_error(errno, std::generic_category(), "flock");
  }
  return true;
}

}  // namespace

Napi::Value try_lock_file(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), lock(info, LOCK_EX | LOCK_NB));
}

Napi::Value unlock_file(const Napi::CallbackInfo& info) {
  lock(info, LOCK_UN);
  return info.Env().Undefined();
}

Napi::Value crc32c(const Napi::CallbackInfo& info) {
  const auto array = info[0].As<Napi::TypedArray>();
  const auto* bytes = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
  const uint32_t before = info[1].As<Napi::Number>().Uint32Value();
  return Napi::Number::New(info.Env(), training_kernels().crc32c(bytes, array.ByteLength(), before));
}

}  // namespace qmimic
