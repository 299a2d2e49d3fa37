// Wraps a kind with specific types into the generic interface: inputs are parsed with the kind's schemas.
import type { Random } from "@qmimic/torch";
import type { z } from "zod";
import type { Detector, DetectorKind, NetworkFacts } from "./detector.js";

/** A DetectorKind with functions that take parsed settings and configurations. */
interface TypedKind<S extends z.ZodObject, C extends z.ZodObject> {
  name: string;
  settings: S;
  config: C;
  layers: readonly (keyof z.output<C> & string)[];
  classLayers: DetectorKind["classLayers"];
  headCoding: readonly (keyof z.output<C> & string)[];
  conflict?(settings: z.output<S>): string | undefined;
  choose?(settings: z.output<S>, network: NetworkFacts): Partial<z.output<C>>;
  create(config: z.output<C>, random: Random): Detector;
}

export function defineKind<S extends z.ZodObject, C extends z.ZodObject>(
  kind: TypedKind<S, C>,
): DetectorKind {
  const { name, settings, config, layers, classLayers, headCoding } = kind;
  return {
    name,
    settings,
    config,
    layers,
    classLayers,
    headCoding,
    conflict: (some) => kind.conflict?.(settings.parse(some)),
    choose: (some, network) => kind.choose?.(settings.parse(some), network) ?? {},
    create: (some, random) => kind.create(config.parse(some), random),
  };
}
