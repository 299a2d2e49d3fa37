// Exports C++ functions of an addon to JavaScript.
#pragma once
#include <c10/util/Exception.h>
#include <napi.h>

#include <string>

namespace qmimic {

using Entry = Napi::Value (*)(const Napi::CallbackInfo&);

// Exports `entry` as `name`. C++ exceptions become JavaScript errors that begin with `what`: an uncaught one would end
// the process.
inline void add(Napi::Object exports, const char* name, const char* what, Entry entry) {
  const auto guarded = [what, entry](const Napi::CallbackInfo& info) -> Napi::Value {
    try {
      return entry(info);
    } catch (const Napi::Error&) {
      throw;
    } catch (const c10::Error& error) {
      throw Napi::Error::New(info.Env(), std::string(what) + ": " + error.what_without_backtrace());
    } catch (const std::exception& error) {
      throw Napi::Error::New(info.Env(), std::string(what) + ": " + error.what());
    }
  };
  exports.Set(name, Napi::Function::New(exports.Env(), guarded, name));
}

}  // namespace qmimic
