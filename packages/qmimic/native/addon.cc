// What training needs beyond libtorch: file locks and checksums, signals; loading it also registers the operators in
// ops.cc.
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
