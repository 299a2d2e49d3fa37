// The weights of a 3x3 convolution as winograd.ts needs them, transformed once, when a model is loaded.

/** Elements of a transformed tile. */
export const PLACES: usize = 36;

/**
 * G g G^T of each 3x3 kernel g.
 * @param weights [outputs, inputs, 3, 3]
 * @param output [outputs / 4, 36, inputs, 4]
 */
export function transformWeights(weights: usize, output: usize, inputs: i32, outputs: i32): void {
  const place = (<usize>inputs) << 4;
  for (let o = 0; o < outputs; o++) {
    let to = output + <usize>(o >> 2) * PLACES * place + ((<usize>(o & 3)) << 2);
    for (let c = 0; c < inputs; c++) {
      let at = to;
      for (let i = 0; i < 6; i++) {
        const a = valueAt(i, load<f32>(weights), load<f32>(weights, 12), load<f32>(weights, 24));
        const b = valueAt(i, load<f32>(weights, 4), load<f32>(weights, 16), load<f32>(weights, 28));
        const d = valueAt(i, load<f32>(weights, 8), load<f32>(weights, 20), load<f32>(weights, 32));
        for (let j = 0; j < 6; j++) {
          store<f32>(at, <f32>valueAt(j, a, b, d));
          at += place;
        }
      }
      weights += 36;
      to += 16;
    }
  }
}

/**
 * A row of G: the polynomial a + b x + d x^2 at one of the points, divided by a factor that the products do not have.
 */
function valueAt(point: i32, a: f64, b: f64, d: f64): f64 {
  if (point === 0) return a / 4;
  if (point === 5) return d;
  const x: f64 = point < 3 ? 1 : 2;
  const odd = point & 1 ? b * x : -b * x;
  return (a + odd + d * x * x) / (point < 3 ? -6 : 24);
}
