// The operators of this package: their schemas, and their implementations with and without autograd.
// kernels/README.md describes how they are built.
#include "kernels/batch_norm.op.h"
#include "kernels/conv3x3.op.h"
#include "kernels/ps_roi_align.op.h"
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
  // Like torchvision.ops.roi_align with sampling_ratio above 0. features [B, C, H, W], rois [K, 5] of
  // (image, x1, y1, x2, y2).
  m.def(
      "roi_align(Tensor features, Tensor rois, float spatial_scale, int pooled_height, int pooled_width, "
      "int sampling_ratio, bool aligned) -> Tensor");
  // Like torchvision.ops.ps_roi_align with sampling_ratio above 0. features [B, C * pooled * pooled, H, W], rois as
  // above -> [K, C, pooled, pooled].
  m.def(
      "ps_roi_align(Tensor features, Tensor rois, float spatial_scale, int pooled, int sampling_ratio) -> Tensor");
  // The instruction set in use: portable, avx2 or avx512.
  m.def("simd_level() -> str", simd_level);
}

TORCH_LIBRARY_IMPL(qmimic, CPU, m) {
  m.impl("conv3x3", conv3x3_forward);
  m.impl("batch_norm_relu", batch_norm_relu_cpu);
  m.impl("roi_align", roi_align_cpu);
  m.impl("ps_roi_align", ps_roi_align_cpu);
}

TORCH_LIBRARY_IMPL(qmimic, AutogradCPU, m) {
  m.impl("conv3x3", conv3x3_autograd);
  m.impl("batch_norm_relu", batch_norm_relu_autograd);
  m.impl("roi_align", roi_align_autograd);
  m.impl("ps_roi_align", ps_roi_align_autograd);
}

}  // namespace qmimic
