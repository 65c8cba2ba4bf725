/**
 * Interpolated modified Kneser-Ney as its equations stand, over strings and maps, unpruned: what the model is checked
 * against. Shares are cut to bfloat16 as the model stores them.
 */
export function referenceKneserNey(documents: readonly (readonly number[])[], order: number, vocabulary: number) {
  const occurrences = (n: number) => {
    const counts = new Map<string, number>();
    for (const document of documents) {
      for (let end = n; end <= document.length; end++) {
        const key = document.slice(end - n, end).join(' ');
        counts.set(key, (counts.get(key) ?? 0) + 1);
      }
    }
    return counts;
  };
  const leftNeighbours = (n: number) => {
    const neighbours = new Map<string, Set<string>>();
    for (const document of documents) {
      for (let end = n; end <= document.length; end++) {
        const key = document.slice(end - n, end).join(' ');
        const own = neighbours.get(key) ?? new Set();
        neighbours.set(key, own.add(end > n ? String(document[end - n - 1]) : 'start'));
      }
    }
    return new Map([...neighbours].map(([key, { size }]) => [key, size]));
  };
  const counts = Array.from({ length: order }, (_, i) =>
    i + 1 === order ? occurrences(order) : leftNeighbours(i + 1),
  );
  const discounts = counts.map((own) => {
    const of = (count: number) => [...own.values()].filter((value) => value === count).length;
    const y = of(1) / (of(1) + 2 * of(2));
    const raw = [1 - (2 * y * of(2)) / of(1), 2 - (3 * y * of(3)) / of(2), 3 - (4 * y * of(4)) / of(3)];
    return raw.map((discount, i) => (discount > 0.01 && discount < i + 1 ? discount : (i + 1) / 2));
  });
  const cut = (share: number) => {
    const unit = 2 ** (Math.floor(Math.log2(share)) - 7);
    return Math.floor(share / unit) * unit;
  };
  return function probability(context: readonly number[], token: number): number {
    const history = context.slice(Math.max(0, context.length - order + 1));
    const own = counts[history.length];
    const below = history.length === 0 ? 1 / vocabulary : probability(history.slice(1), token);
    const followers = Array.from({ length: vocabulary }, (_, w) => own.get([...history, w].join(' ')) ?? 0);
    const total = followers.reduce((a, b) => a + b, 0);
    if (total === 0) return below;
    const shares = followers.map((count) =>
      count === 0 ? 0 : cut((count - discounts[history.length][Math.min(count, 3) - 1]) / total),
    );
    return shares[token] + (1 - shares.reduce((a, b) => a + b, 0)) * below;
  };
}
