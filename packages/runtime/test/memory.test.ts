// Placement gives the same as comparing each tenant with all others, and addresses do not wrap around.
import { expect, test } from "vitest";
import { blocksFrom, placeTenants, type Tenant } from "../src/network/memory.js";
import { randomNumbers } from "./fixture.js";

const rounded = (size: number) => 4 * Math.ceil(size / 4);

/** Each in the first gap between all that are in use at the same time, in the order of their first step. */
function placeSlowly(tenants: readonly Tenant[]): number[] {
  const places: number[] = [];
  const order = [...tenants.keys()].sort((a, b) => tenants[a].from - tenants[b].from);
  order.forEach((i, n) => {
    const others = order
      .slice(0, n)
      .filter((k) => tenants[k].from <= tenants[i].to && tenants[i].from <= tenants[k].to)
      .sort((a, b) => places[a] - places[b]);
    places[i] = 0;
    for (const k of others) {
      if (places[k] - places[i] >= tenants[i].size) break;
      places[i] = Math.max(places[i], places[k] + rounded(tenants[k].size));
    }
  });
  return places;
}

/** Values of `count` operations, some of them long-lived, then the scratch memory of each operation, as in plan.ts. */
function tenantsOf(count: number, seed: number): Tenant[] {
  const random = randomNumbers(seed);
  const below = (limit: number) => Math.floor(random() * limit);
  const values = Array.from({ length: count }, (_, i) => {
    const to = i + 1 + below(random() < 0.1 ? count : 3);
    return { size: 1 + below(1000), from: i, to };
  });
  const scratch = values.map(({ from }) => ({ size: below(2) * below(2000), from, to: from }));
  return [...values, ...scratch];
}

test.each([1, 5, 60, 400])("%i operations", (count) => {
  for (const seed of [1, 2, 3]) {
    const tenants = tenantsOf(count, seed);
    const { places, size } = placeTenants(tenants);
    expect(places).toEqual(placeSlowly(tenants));
    expect(size).toBe(Math.max(...places.map((at, i) => at + rounded(tenants[i].size))));
    // Values that begin later may also come first in the list: those of regions.
    const mixed = [...tenants].reverse();
    expect(placeTenants(mixed).places).toEqual(placeSlowly(mixed));
  }
});

test("10,000 operations, with few values in use at a time", () => {
  const tenants = tenantsOf(10_000, 4).map(({ size, from, to }) => ({
    size,
    from,
    to: Math.min(to, from + 9),
  }));
  const { places, size } = placeTenants(tenants);
  expect(places).toHaveLength(20_000);
  expect(size).toBeLessThan(30_000);
});

test.each([2 ** 31 - 8, 2 ** 31, 2 ** 32])("blocks from byte %i on", (start) => {
  const { allocate, end } = blocksFrom(start);
  const first = allocate(5);
  expect(first % 16).toBe(0);
  expect(first - start).toBeGreaterThanOrEqual(0);
  expect(first - start).toBeLessThan(16);
  expect(allocate(3 * 2 ** 30)).toBe(first + 16);
  expect(end()).toBe(first + 16 + 3 * 2 ** 30);
});
