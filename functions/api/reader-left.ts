/** The same items; when their reader leaves before the last one, or they fail, `left` is called. */
export async function* whenLeft<T>(items: AsyncIterable<T>, left: () => Promise<unknown>): AsyncGenerator<T> {
  let whole = false;
  try {
    yield* items;
    whole = true;
  } finally {
    if (!whole) await left();
  }
}
