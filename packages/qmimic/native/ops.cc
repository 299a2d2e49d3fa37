// qmimic's training operators: their schemas, and their implementations with and without autograd.
#include "images.op.h"
#include "mimic_loss.op.h"
#include "quantize.op.h"
#include "read_maps.op.h"

namespace qmimic {

// A fragment, because @qmimic/torch defines the library.
TORCH_LIBRARY_FRAGMENT(qmimic, m) {
  // The nearest of {0, s, 2s, ...}, ties down; the gradient passes unchanged.
  m.def("quantize(Tensor x, float stride) -> Tensor");
  // The index of that entry, at most 255, as uint8.
  m.def("quantize_codes(Tensor x, float stride) -> Tensor");
  // The nearest of {0, 2^min, ..., 2^max}, ties down; the gradient passes unchanged.
  m.def("quantize_pow2(Tensor x, int min_exponent, int max_exponent) -> Tensor");
  // features [B, own, H, W], weight [C, own, 1, 1], bias [C]; target [B, C, H, W], uint8 codes (stride > 0) or float
  // features (stride 0); cells [B, H, W]. matches: [equal, equal and 0, counted] entries of cells above 0.
  m.def(
      "mimic_loss(Tensor features, Tensor weight, Tensor bias, Tensor target, Tensor cells, float stride) "
      "-> (Tensor loss, Tensor matches)");
  // images uint8 [h, w, 3]; geometry [B, 7] of (scale_x, scale_y, offset_x, offset_y, flip, width, height); colour [B, 12].
  m.def("images_to_batch(Tensor[] images, Tensor geometry, Tensor colour, int height, int width) -> Tensor");
  // Map b, [C, heights[b], widths[b]], starts at byte at[b] of the file and has the CRC-32C checksums[b]
  // -> [B, C, height, width], with its corner at (rows[b], columns[b]).
  m.def(
      "read_maps(int file, int[] at, int[] checksums, int[] heights, int[] widths, int[] rows, int[] columns, "
      "int channels, int height, int width, ScalarType dtype) -> Tensor",
      read_maps);
}

TORCH_LIBRARY_IMPL(qmimic, CPU, m) {
  m.impl("quantize", quantize_cpu);
  m.impl("quantize_codes", quantize_codes_cpu);
  m.impl("quantize_pow2", quantize_pow2_cpu);
  m.impl("mimic_loss", mimic_loss_cpu);
  m.impl("images_to_batch", images_to_batch);
}

TORCH_LIBRARY_IMPL(qmimic, AutogradCPU, m) {
  m.impl("quantize", quantize_autograd);
  m.impl("quantize_codes", torch::CppFunction::makeFallthrough());
  m.impl("quantize_pow2", quantize_pow2_autograd);
  m.impl("mimic_loss", mimic_loss_autograd);
  m.impl("images_to_batch", torch::CppFunction::makeFallthrough());
}

}  // namespace qmimic
