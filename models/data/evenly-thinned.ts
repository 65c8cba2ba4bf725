/**
 * As many documents as have `characters` together, evenly spread over all there are: whenever they are more, every second
 * one is left out. Always the same ones, and never more than twice as many in memory.
 */
export async function evenlyThinned(documents: AsyncIterable<string>, characters: number): Promise<string[]> {
  let kept: string[] = [];
  let [length, stride, seen] = [0, 1, 0];
  for await (const document of documents) {
    if (seen++ % stride !== 0) continue;
    kept.push(document);
    length += document.length;
    while (length > characters && kept.length > 1) {
      kept = kept.filter((_, i) => i % 2 === 0);
      length = kept.reduce((sum, text) => sum + text.length, 0);
      stride *= 2;
    }
  }
  return kept;
}
