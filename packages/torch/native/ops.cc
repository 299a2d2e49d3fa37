// The operators of qmimic: their schemas, and which function answers with and without autograd.
// How to build them: kernels/README.md.
#include "kernels/batch_norm.op.h"
#include "kernels/conv3x3.op.h"
#include "kernels/images.op.h"
#include "kernels/mimic_loss.op.h"
#include "kernels/ps_roi_align.op.h"
#include "kernels/quantize.op.h"
#include "kernels/read_maps.op.h"
#include "kernels/roi_align.op.h"

namespace qmimic {
namespace {

std::string simd_level() { return kernels().name; }

}  // namespace

TORCH_LIBRARY(qmimic, m) {
  // 3x3, stride 1, padding 1. x [B, in, H, W], weight [out, in, 3, 3], bias [out].
  m.def("conv3x3(Tensor x, Tensor weight, Tensor? bias=None) -> Tensor");
  // y = pool(relu(batch_norm(x))); momentum and eps as in torch. x [B, C, H, W].
  m.def(
      "batch_norm_relu(Tensor x, Tensor weight, Tensor bias, Tensor(a!) running_mean, Tensor(b!) running_var, "
      "bool training, float momentum, float eps, bool relu, bool pool) -> Tensor");
  // As torchvision.ops.roi_align with sampling_ratio above 0. features [B, C, H, W], rois [K, 5] of
  // (image, x1, y1, x2, y2).
  m.def(
      "roi_align(Tensor features, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
      "int sampling_ratio, bool aligned) -> Tensor");
  // As torchvision.ops.ps_roi_align with sampling_ratio above 0. features [B, C * pooled * pooled, H, W], rois as above
  // -> [K, C, pooled, pooled].
  m.def(
      "ps_roi_align(Tensor features, Tensor rois, float spatial_scale, int pooled, int sampling_ratio) -> Tensor");
  // The nearest of {0, s, 2s, ...}, ties down; the gradient passes unchanged.
  m.def("quantize(Tensor x, float stride) -> Tensor");
  // Its index, at most 255, as uint8.
  m.def("quantize_codes(Tensor x, float stride) -> Tensor");
  // The nearest of {0, 2^min, ..., 2^max}, ties down; the gradient passes unchanged.
  m.def("quantize_pow2(Tensor x, int min_exponent, int max_exponent) -> Tensor");
  // features [B, own, H, W], weight [C, own, 1, 1], bias [C]; target [B, C, H, W], uint8 codes (stride > 0) or float
  // features (stride 0); cells [B, H, W]. matches: [equal, counted] entries of cells above 0.
  m.def(
      "mimic_loss(Tensor features, Tensor weight, Tensor bias, Tensor target, Tensor cells, float stride) "
      "-> (Tensor loss, Tensor matches)");
  // images uint8 [h, w, 3]; geometry [B, 5] of (scale_x, scale_y, offset_x, offset_y, flip); colour [B, 12].
  m.def("images_to_batch(Tensor[] images, Tensor geometry, Tensor colour, int height, int width) -> Tensor");
  // Map b, [C, heights[b], widths[b]], lies at byte at[b] of a file descriptor and has the CRC-32C checksums[b]
  // -> [B, C, height, width], where it has its corner at (rows[b], columns[b]).
  m.def(
      "read_maps(int file, int[] at, int[] checksums, int[] heights, int[] widths, int[] rows, int[] columns, "
      "int channels, int height, int width, ScalarType dtype) -> Tensor",
      read_maps);
  // The instruction set in use: portable, avx2 or avx512.
  m.def("simd_level() -> str", simd_level);
}

TORCH_LIBRARY_IMPL(qmimic, CPU, m) {
  m.impl("conv3x3", conv3x3_forward);
  m.impl("batch_norm_relu", batch_norm_relu_cpu);
  m.impl("roi_align", roi_align_cpu);
  m.impl("ps_roi_align", ps_roi_align_cpu);
  m.impl("quantize", quantize_cpu);
  m.impl("quantize_codes", quantize_codes_cpu);
  m.impl("quantize_pow2", quantize_pow2_cpu);
  m.impl("mimic_loss", mimic_loss_cpu);
  m.impl("images_to_batch", images_to_batch);
}

TORCH_LIBRARY_IMPL(qmimic, AutogradCPU, m) {
  m.impl("conv3x3", conv3x3_autograd);
  m.impl("batch_norm_relu", batch_norm_relu_autograd);
  m.impl("roi_align", roi_align_autograd);
  m.impl("ps_roi_align", ps_roi_align_autograd);
  m.impl("quantize", quantize_autograd);
  m.impl("quantize_codes", torch::CppFunction::makeFallthrough());
  m.impl("quantize_pow2", quantize_pow2_autograd);
  m.impl("mimic_loss", mimic_loss_autograd);
  m.impl("images_to_batch", torch::CppFunction::makeFallthrough());
}

}  // namespace qmimic
