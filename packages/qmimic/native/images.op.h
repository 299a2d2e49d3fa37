// qmimic::images_to_batch: draws uint8 images of any size into one float batch, see images.isa.cc.
#pragma once
#include "kernels/op.h"
#include "training_kernels.h"

namespace qmimic {
namespace {

Tensor images_to_batch(at::TensorList images, const Tensor& geometry, const Tensor& colour, int64_t height,
                       int64_t width) {
  const char* op = "images_to_batch";
  const int64_t count = images.size();
  check_tensor(op, "geometry", geometry, 2, at::kFloat);
  check_tensor(op, "colour", colour, 2, at::kFloat);
  check_shape(op, "geometry", geometry, {count, 7});
  check_shape(op, "colour", colour, {count, 12});
  TORCH_CHECK(height > 0 && width > 0, "qmimic::images_to_batch: output size is ", height, "x", width,
              ", expected at least 1x1");
  std::vector<ImageSource> sources;
  const TrainingKernels& k = training_kernels();
  int64_t widest = 0, taps = 0;
  for (int64_t i = 0; i < count; i++) {
    const Tensor& image = images[i];
    check_tensor(op, "images[i]", image, 3, at::kByte);
    TORCH_CHECK(image.size(0) > 0 && image.size(1) > 0 && image.size(2) == 3, "qmimic::images_to_batch: images[", i,
                "] has shape ", image.sizes(), ", expected [height, width, 3]");
    const float* g = geometry.data_ptr<float>() + i * 7;
    for (const float scale : {g[0], g[1]})
      TORCH_CHECK(scale >= MIN_IMAGE_SCALE && scale <= MAX_IMAGE_SCALE, "qmimic::images_to_batch: geometry[", i,
                  "] has scale ", scale, ", expected ", MIN_IMAGE_SCALE, " to ", MAX_IMAGE_SCALE);
    TORCH_CHECK(g[5] >= 1 && g[6] >= 1, "qmimic::images_to_batch: geometry[", i, "] draws ", g[5], "x", g[6],
                " pixels, expected at least 1x1");
    sources.push_back({image.data_ptr<uint8_t>(), (long)image.size(0), (long)image.size(1), g,
                       colour.data_ptr<float>() + i * 12, nullptr, nullptr, 0, 0, 0});
    widest = std::max(widest, image.size(1));
    taps = std::max<int64_t>(taps, k.image_taps(g[0]));
  }
  Tensor batch = at::empty({count, 3, height, width}, geometry.options());
  std::vector<int> first(count * width);
  std::vector<float> weights(count * taps * width);
  for_each_task(count, [&](int64_t i) {
    k.image_columns(sources[i], width, first.data() + i * width, weights.data() + i * taps * width);
  });
  const Scratch scratch(3 * (widest + width));
  constexpr int64_t ROWS = 32;
  const int64_t bands = at::divup(height, ROWS);
  float* to = batch.data_ptr<float>();
  for_each_task(count * bands, [&](int64_t task) {
    const int64_t image = task / bands, row = task % bands * ROWS;
    k.image_rows(sources[image], to + image * 3 * height * width, height, width, row, std::min(ROWS, height - row),
                 scratch.mine());
  });
  return batch;
}

}  // namespace
}  // namespace qmimic
