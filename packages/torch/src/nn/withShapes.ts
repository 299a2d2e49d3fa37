// A network some of whose tensors have other shapes than its constructors give them: one that was pruned.
import { shapesOnly, watchInitial } from "../random.js";
import type { Tensor } from "../tensor.js";
import type { Module } from "./module.js";

/**
 * Builds a module whose tensors that `shapes` names have these shapes from the start; what would be larger is never made.
 * Layers find out from their weights how many channels they have.
 * @param build makes the same tensors in the same order each time that it is called
 * @throws RangeError for a name that the module does not have, or a shape with another number of dimensions
 */
export function withShapes<M extends Module>(
  build: () => M,
  shapes: Readonly<Record<string, readonly number[]>>,
): M {
  const wanted = tensorsInOrder(build);
  const unknown = Object.keys(shapes).find((name) => !wanted.some((one) => one.name === name));
  if (unknown !== undefined) throw new RangeError(`the network has no tensor "${unknown}"`);
  let next = 0;
  const shapeOf = (asked: readonly number[]): readonly number[] => {
    const { name, shape: usual } = wanted[next++];
    if (name === undefined) return asked;
    // Not what is asked for: layers ask for as many inputs as those before them have outputs now.
    const shape = Object.hasOwn(shapes, name) ? shapes[name] : usual;
    if (shape.length === usual.length) return shape;
    throw new RangeError(`tensor "${name}" is ${shape.join(" x ")}, expected ${usual.length} dimensions`);
  };
  return watchInitial({ shape: shapeOf, made: () => {} }, build);
}

/** The tensors in the order in which they are made, with their usual shapes; one that does not stay has no name. */
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
