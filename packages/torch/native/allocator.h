// The allocator for tensors.
#pragma once

namespace qmimic {

// Makes libtorch allocate CPU tensors with malloc, see allocator.cc. Call once, before any tensor is created.
void use_allocator();

}  // namespace qmimic
