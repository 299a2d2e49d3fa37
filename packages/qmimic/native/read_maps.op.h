// qmimic::read_maps: reads maps of any size from an open file into one batch, each with its corner at a given position,
// zeros elsewhere, and verifies their checksums (CRC-32C). Maps of the batch's size are copied once, others twice; the
// work is distributed over threads.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <cstring>
#include <initializer_list>

#include "kernels/op.h"
#include "training_kernels.h"

namespace qmimic {
namespace {

void read_bytes(int64_t file, int64_t at, char* to, int64_t bytes) {
  for (int64_t done = 0; done < bytes;) {
    const ssize_t count = pread((int)file, to + done, bytes - done, at + done);
    if (count < 0 && errno == EINTR) continue;
    TORCH_CHECK(count >= 0, "qmimic::read_maps: ", std::strerror(errno));
    TORCH_CHECK(count > 0, "qmimic::read_maps: the file ends after ", at + done, " bytes, expected at least ",
                at + bytes);
    done += count;
  }
}

// The number of bytes of an array; at most 4 GiB, so that no sum or product of a few of them overflows.
int64_t bytes_of(std::initializer_list<int64_t> sizes) {
  int64_t product = 1;
  for (const int64_t size : sizes)
    TORCH_CHECK(size > 0 && !__builtin_mul_overflow(product, size, &product) && product <= UINT32_MAX,
                "qmimic::read_maps: an array of ", at::IntArrayRef(sizes),
                " bytes, expected sizes above 0, and at most 4 GiB");
  return product;
}

// Copies the rows of `from` [channels, own_height, own_width] to their position in `to` [channels, height, width].
void place_map(const char* from, int64_t own_height, int64_t own_width, char* to, int64_t height, int64_t width,
               int64_t channels, int64_t bytes, int64_t row, int64_t column) {
  const int64_t top = std::max<int64_t>(0, row), bottom = std::min(height, row + own_height);
  const int64_t left = std::max<int64_t>(0, column), right = std::min(width, column + own_width);
  std::memset(to, 0, channels * height * width * bytes);
  for (int64_t c = 0; c < channels && left < right; c++)
    for (int64_t y = top; y < bottom; y++)
      std::memcpy(to + ((c * height + y) * width + left) * bytes,
                  from + ((c * own_height + y - row) * own_width + left - column) * bytes, (right - left) * bytes);
}

Tensor read_maps(int64_t file, at::IntArrayRef at, at::IntArrayRef checksums, at::IntArrayRef heights,
                 at::IntArrayRef widths, at::IntArrayRef rows, at::IntArrayRef columns, int64_t channels,
                 int64_t height, int64_t width, at::ScalarType dtype) {
  const int64_t count = at.size();
  for (const at::IntArrayRef list : {checksums, heights, widths, rows, columns})
    TORCH_CHECK((int64_t)list.size() == count, "qmimic::read_maps: ", count, " maps, ", checksums.size(),
                " checksums, ", heights.size(), " heights, ", widths.size(), " widths, ", rows.size(), " rows and ",
                columns.size(), " columns");
  TORCH_CHECK(file >= 0 && file <= INT_MAX, "qmimic::read_maps: ", file, " is not a file descriptor");
  const int64_t bytes = c10::elementSize(dtype);
  const int64_t size = bytes_of({count, channels, height, width, bytes}) / count;
  int64_t largest = 0;
  for (int64_t b = 0; b < count; b++) {
    const int64_t own = bytes_of({channels, heights[b], widths[b], bytes});
    TORCH_CHECK(at[b] >= 0 && at[b] <= INT64_MAX - own, "qmimic::read_maps: map ", b, " is at byte ", at[b],
                ", expected 0 to 2^63 minus its size");
    for (const int64_t place : {rows[b], columns[b]})
      TORCH_CHECK(place >= INT_MIN && place <= INT_MAX, "qmimic::read_maps: map ", b, " has its corner at row ",
                  rows[b], ", column ", columns[b], ", expected 32-bit integers");
    largest = std::max(largest, own);
  }
  Tensor batch = at::empty({count, channels, height, width}, at::TensorOptions().dtype(dtype));
  auto* all = static_cast<char*>(batch.data_ptr());
  Scratch scratch((largest + sizeof(float) - 1) / sizeof(float));
  const TrainingKernels& k = training_kernels();
  for_each_task(count, [&](int64_t b) {
    char* to = all + b * size;
    const bool whole = heights[b] == height && widths[b] == width && rows[b] == 0 && columns[b] == 0;
    const int64_t own = channels * heights[b] * widths[b] * bytes;
    char* map = whole ? to : reinterpret_cast<char*>(scratch.mine());
    read_bytes(file, at[b], map, own);
    const int64_t checksum = k.crc32c(reinterpret_cast<const uint8_t*>(map), own, 0);
    TORCH_CHECK(checksum == checksums[b], "qmimic::read_maps: map ", b, " at byte ", at[b],
                " is damaged: its checksum is ", checksum, ", expected ", checksums[b]);
    if (!whole) place_map(map, heights[b], widths[b], to, height, width, channels, bytes, rows[b], columns[b]);
  });
  return batch;
}

}  // namespace
}  // namespace qmimic
