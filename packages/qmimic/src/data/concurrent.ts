// A few asynchronous tasks at a time.

/**
 * Runs `task` on all items, at most `limit` at a time; results in item order. The next item is taken when a task has
 * ended. After a failure none is; rejects with the first failure when the running tasks have ended.
 */
export async function mapConcurrent<T, R>(
  items: Iterable<T> | AsyncIterable<T>,
  limit: number,
  task: (item: T, index: number) => Promise<R>,
): Promise<R[]> {
  const iterator = Symbol.asyncIterator in items ? items[Symbol.asyncIterator]() : items[Symbol.iterator]();
  const results: R[] = [];
  const failures: unknown[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    try {
      while (failures.length === 0) {
        const index = next++;
        const item = await iterator.next();
        if (item.done) return;
        results[index] = await task(item.value, index);
      }
    } catch (error) {
      failures.push(error);
    }
  };
  await Promise.all(Array.from({ length: limit }, worker));
  if (failures.length > 0) throw failures[0];
  return results;
}
