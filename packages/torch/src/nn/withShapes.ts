// Builds a network in which some tensors have other shapes than its constructors request, such as a pruned network.
import { shapesOnly, watchInitial } from "../random.js";
import type { Tensor } from "../tensor.js";
import type { Module } from "./module.js";

/**
 * Builds a module in which the tensors named in `shapes` have these shapes from the start; larger ones are never
 * allocated. Layers derive their numbers of channels from their weights.
 * @param build creates the same tensors in the same order each time it is called
 * @throws RangeError for a name that the module does not have, or a shape with the wrong number of dimensions
 */
export function withShapes<M extends Module>(
  build: () => M,
  shapes: Readonly<Record<string, readonly number[]>>,
): M {
  const wanted = tensorsInOrder(build);
  const unknown = Object.keys(shapes).find((name) => !wanted.some((known) => known.name === name));
  if (unknown !== undefined) throw new RangeError(`the network has no tensor "${unknown}"`);
  let next = 0;
  const shapeOf = (asked: readonly number[]): readonly number[] => {
    const { name, shape: usual } = wanted[next++];
    if (name === undefined) return asked;
    // Not `asked`: layers already request as many inputs as the previous layers have outputs now.
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : usual;
    if (shape.length === usual.length) return shape;
    throw new RangeError(`tensor "${name}" is ${shape.join(" x ")}, expected ${usual.length} dimensions`);
  };
  return watchInitial({ shape: shapeOf, made: () => {} }, build);
}

/** The tensors in order of creation, with their usual shapes; those that the module does not keep have no name. */
function tensorsInOrder(build: () => Module): { name: string | undefined; shape: number[] }[] {
  const made: { tensor: Tensor; shape: number[] }[] = [];
  const watcher = {
    shape: (asked: readonly number[]) => asked,
    made: (tensor: Tensor) => void made.push({ tensor, shape: tensor.shape }),
  };
  const sketch = watchInitial(watcher, () => shapesOnly(build));
  const nameOf = new Map(sketch.named().map(({ name, tensor }) => [tensor, name]));
  const tensors = made.map(({ tensor, shape }) => ({ name: nameOf.get(tensor), shape }));
  sketch.dispose();
  return tensors;
}
