// libtorch gets aligned blocks from glibc with posix_memalign. Before version 2.38, glibc cuts such a block out of a
// larger one and keeps the few bytes at its ends as separate blocks, so that a freed block does not fit the next
// request of the same size (glibc bug 14581): now and then, a training step took all its memory from the system again,
// until none was left. Here, blocks come from malloc and are aligned manually, and so can be reused.
#include "allocator.h"

#include <c10/core/CPUAllocator.h>
#include <c10/util/Exception.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>

namespace qmimic {

namespace {

constexpr uintptr_t ALIGNMENT = 64;  // like libtorch's: a cache line, and the widest vector

// malloc's address is stored in front of the block.
void** origin_of(void* block) { return static_cast<void**>(block) - 1; }

void free_block(void* block) {
  if (block) std::free(*origin_of(block));
}

void* allocate_block(size_t bytes) {
  if (bytes == 0) return nullptr;
  void* origin = std::malloc(bytes + sizeof(void*) + ALIGNMENT - 1);
  TORCH_CHECK(origin, "out of memory: cannot allocate ", bytes, " bytes for a tensor");
  const uintptr_t first = reinterpret_cast<uintptr_t>(origin) + sizeof(void*) + ALIGNMENT - 1;
  void* block = reinterpret_cast<void*>(first / ALIGNMENT * ALIGNMENT);
  *origin_of(block) = origin;
  return block;
}

// libtorch 1.13 requires a const allocate(), later versions a non-const one and copy_data(). Without `override`, the
// class satisfies both.
struct MallocAllocator final : c10::Allocator {
  c10::DataPtr allocate(size_t bytes) { return take(bytes); }
  c10::DataPtr allocate(size_t bytes) const { return take(bytes); }
  void copy_data(void* to, const void* from, size_t count) const { std::memcpy(to, from, count); }
  c10::DeleterFnPtr raw_deleter() const override { return &free_block; }

 private:
  static c10::DataPtr take(size_t bytes) {
    void* block = allocate_block(bytes);
    return {block, block, &free_block, c10::Device(c10::DeviceType::CPU)};
  }
};

}  // namespace

void use_allocator() {
  static MallocAllocator allocator;
  c10::SetCPUAllocator(&allocator, /*priority=*/1);
}

}  // namespace qmimic
