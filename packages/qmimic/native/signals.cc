// Node runs signal handlers only after native code returns, which may take many seconds. The first signal may wait that
// long; a second one of the same kind means that the user wants the process to end now. One of each kind does not: Ctrl-C
// reaches both `qmimic reproduce` and its runs, to which it sends SIGTERM as well.
#include "signals.h"

#include <signal.h>
#include <unistd.h>

namespace qmimic {

namespace {

/** What a signal of one kind has met. */
struct Kind {
  volatile sig_atomic_t seen;
  struct sigaction before;
} of_int, of_term;

void handle(int signal, siginfo_t* info, void* context) {
  Kind& kind = signal == SIGINT ? of_int : of_term;
  if (kind.seen) _exit(128 + signal);
  kind.seen = 1;
  const struct sigaction& before = kind.before;
  if (before.sa_flags & SA_SIGINFO) before.sa_sigaction(signal, info, context);
  else if (before.sa_handler == SIG_DFL) _exit(128 + signal);
  else if (before.sa_handler != SIG_IGN) before.sa_handler(signal);
}

}  // namespace

Napi::Value end_at_second_signal(const Napi::CallbackInfo& info) {
  static bool installed = false;
  if (!installed) {
    struct sigaction action = {};
    action.sa_sigaction = handle;
    action.sa_flags = SA_SIGINFO | SA_RESTART;
    sigfillset(&action.sa_mask);
    sigaction(SIGINT, &action, &of_int.before);
    sigaction(SIGTERM, &action, &of_term.before);
    installed = true;
  }
  return info.Env().Undefined();
}

}  // namespace qmimic
