// The memory of tensors.
#pragma once

namespace qmimic {

// Makes libtorch take the memory of tensors on the CPU from malloc, see allocator.cc. Once, before any tensor is made.
void use_allocator();

}  // namespace qmimic
