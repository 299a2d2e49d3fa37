// qmimic::place_maps: stored maps of any size into one batch, each with its corner where it is wanted, zeros elsewhere.
#pragma once
#include <cstring>

#include "op.h"

namespace qmimic {
namespace {

Tensor place_maps(at::TensorList maps, at::IntArrayRef rows, at::IntArrayRef columns, int64_t height, int64_t width) {
  const int64_t count = maps.size();
  TORCH_CHECK(count > 0, "qmimic::place_maps: no maps");
  TORCH_CHECK((int64_t)rows.size() == count && (int64_t)columns.size() == count, "qmimic::place_maps: ", count,
              " maps, ", rows.size(), " rows and ", columns.size(), " columns");
  TORCH_CHECK(height > 0 && width > 0, "qmimic::place_maps: output of ", height, "x", width);
  const auto type = maps[0].scalar_type();
  const int64_t channels = maps[0].dim() == 3 ? maps[0].size(0) : 0, bytes = maps[0].element_size();
  for (const Tensor& map : maps) {
    check_tensor("place_maps", "maps[i]", map, 3, type);
    check_shape("place_maps", "maps[i]", map, {channels, map.size(1), map.size(2)});
  }
  Tensor batch = at::empty({count, channels, height, width}, maps[0].options());
  auto* to = static_cast<char*>(batch.data_ptr());
  for_each_task(count, [&](int64_t b) {
    const Tensor& map = maps[b];
    const int64_t own_height = map.size(1), own_width = map.size(2);
    // The part of the output that the map covers.
    const int64_t top = std::max<int64_t>(0, rows[b]), bottom = std::min(height, rows[b] + own_height);
    const int64_t left = std::max<int64_t>(0, columns[b]), right = std::min(width, columns[b] + own_width);
    const bool covers = top == 0 && left == 0 && bottom == height && right == width;
    char* out = to + b * channels * height * width * bytes;
    if (!covers) std::memset(out, 0, channels * height * width * bytes);
    const auto* from = static_cast<const char*>(map.data_ptr());
    for (int64_t c = 0; c < channels && left < right; c++)
      for (int64_t y = top; y < bottom; y++)
        std::memcpy(out + ((c * height + y) * width + left) * bytes,
                    from + ((c * own_height + y - rows[b]) * own_width + left - columns[b]) * bytes,
                    (right - left) * bytes);
  });
  return batch;
}

}  // namespace
}  // namespace qmimic
