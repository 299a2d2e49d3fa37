// qmimic::read_maps: maps of any size from an open file into one batch, each with its corner where it is wanted, zeros
// elsewhere. One copy, or two where a map is not as large as the batch's, shared by the threads.
#pragma once
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "op.h"

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

// Rows of `from` [channels, own_height, own_width] to where they lie in `to` [channels, height, width].
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

Tensor read_maps(int64_t file, at::IntArrayRef at, at::IntArrayRef heights, at::IntArrayRef widths,
                 at::IntArrayRef rows, at::IntArrayRef columns, int64_t channels, int64_t height, int64_t width,
                 at::ScalarType dtype) {
  const int64_t count = at.size();
  for (const at::IntArrayRef list : {heights, widths, rows, columns})
    TORCH_CHECK((int64_t)list.size() == count, "qmimic::read_maps: ", count, " maps, ", heights.size(), " heights, ",
                widths.size(), " widths, ", rows.size(), " rows and ", columns.size(), " columns");
  TORCH_CHECK(count > 0 && channels > 0 && height > 0 && width > 0, "qmimic::read_maps: output of ", count, "x",
              channels, "x", height, "x", width);
  const int64_t bytes = c10::elementSize(dtype);
  int64_t largest = 0;
  for (int64_t b = 0; b < count; b++) {
    TORCH_CHECK(at[b] >= 0 && heights[b] > 0 && widths[b] > 0, "qmimic::read_maps: map ", b, " of ", heights[b], "x",
                widths[b], " at byte ", at[b]);
    largest = std::max(largest, channels * heights[b] * widths[b] * bytes);
  }
  Tensor batch = at::empty({count, channels, height, width}, at::TensorOptions().dtype(dtype));
  auto* all = static_cast<char*>(batch.data_ptr());
  Scratch scratch((largest + sizeof(float) - 1) / sizeof(float));
  for_each_task(count, [&](int64_t b) {
    char* to = all + b * channels * height * width * bytes;
    const int64_t own = channels * heights[b] * widths[b] * bytes;
    if (heights[b] == height && widths[b] == width && rows[b] == 0 && columns[b] == 0) {
      read_bytes(file, at[b], to, own);
      return;
    }
    auto* map = reinterpret_cast<char*>(scratch.mine());
    read_bytes(file, at[b], map, own);
    place_map(map, heights[b], widths[b], to, height, width, channels, bytes, rows[b], columns[b]);
  });
  return batch;
}

}  // namespace
}  // namespace qmimic
