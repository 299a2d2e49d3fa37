// What training needs beyond libtorch: locks and checksums of files, signals; and, by being loaded, the operators of ops.cc.
#include "exports.h"
#include "files.h"
#include "signals.h"

static Napi::Object Init(Napi::Env, Napi::Object exports) {
  using namespace qmimic;
  add(exports, "tryLockFile", "tryLockFile", try_lock_file);
  add(exports, "unlockFile", "unlockFile", unlock_file);
  add(exports, "crc32c", "crc32c", crc32c);
  add(exports, "endAtSecondSignal", "endAtSecondSignal", end_at_second_signal);
  return exports;
}
NODE_API_MODULE(qmimic, Init)
