import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import { compare } from '../../../models/evaluation/pairwise-judge.ts';
import { bootstrapInterval, ClusterMean, meanOf } from '../../../models/evaluation/statistics.ts';
import { domainTerms, textMetrics, wordsOf } from '../../../models/evaluation/text-metrics.ts';
import { uniform } from '../../../models/ssd2/noise.ts';

describe('intervals', () => {
  it('of clustered values cover the truth about as often as they say', () => {
    // 300 experiments: 40 clusters of 10 values that share a shift. True mean 0.5.
    let covered = 0;
    for (let experiment = 0; experiment < 300; experiment++) {
      const mean = new ClusterMean();
      for (let cluster = 0; cluster < 40; cluster++) {
        const draw = (position: number) => uniform({ seed: 1, lane: experiment, block: cluster, step: 0, position });
        const values = Array.from({ length: 10 }, (_, i) => (draw(0) + draw(i + 1)) / 2);
        mean.add(
          values.reduce((a, b) => a + b),
          10,
        );
      }
      const { mean: centre, margin } = mean.estimate;
      if (Math.abs(centre - 0.5) < margin) covered++;
    }
    // Binomial: 285 expected, standard deviation 3.8; the normal point instead of Student's costs about 1 %.
    expect(covered).toBeGreaterThan(268);
    expect(covered).toBeLessThan(297);
  });

  it('of three seeds is Student’s', () => {
    // Standard error 1 / sqrt(3), 2 degrees of freedom: 4.303.
    expect(meanOf([1, 2, 3])).toEqual({ mean: 2, margin: expect.closeTo(4.303 / Math.sqrt(3), 3) });
  });

  it('by resampling agree with the closed form for a mean, and repeat', () => {
    const items = Array.from({ length: 200 }, (_, i) => i % 2);
    const average = (some: readonly number[]) => some.reduce((a, b) => a + b, 0) / some.length;
    const [low, high] = bootstrapInterval(items, average);
    const margin = 1.96 * Math.sqrt(0.25 / 200);
    // 2,000 resamplings place a 2.5 % point within about 0.005 here.
    expect(low).toBeCloseTo(0.5 - margin, 1);
    expect(high).toBeCloseTo(0.5 + margin, 1);
    expect(bootstrapInterval(items, average)).toEqual([low, high]);
  });
});

describe('text metrics', () => {
  it('count by hand', () => {
    const { distinct, repetition, selfBleu, words } = textMetrics([['a b a b', 'a b c d'], ['x x x x x x']]);
    // Prompt 1: words 8, unigrams a b c d, bigrams ab ba bc cd, trigrams aba bab abc bcd. Prompt 2: 6 words, one of each.
    expect(distinct).toEqual([(4 / 8 + 1 / 6) / 2, (4 / 8 + 1 / 6) / 2, (4 / 8 + 1 / 6) / 2]);
    // Only 'x x' is said three times at the end.
    expect(repetition).toBeCloseTo(1 / 3);
    expect(words).toBeCloseTo(14 / 3);
    expect(selfBleu).toBeGreaterThan(0);
  });

  it('self-BLEU is 1 of equal texts, and small of texts without a common word', () => {
    expect(textMetrics([['the cat sat on the mat', 'the cat sat on the mat']]).selfBleu).toBeCloseTo(1);
    expect(textMetrics([['one two three four five', 'six seven eight nine ten']]).selfBleu).toBeLessThan(0.2);
  });

  it('the Zipf coefficient of a text with frequencies c / rank is 1', () => {
    const text = Array.from({ length: 40 }, (_, rank) => `w${rank} `.repeat(Math.round(5040 / (rank + 1)))).join('');
    expect(textMetrics([[text]]).zipf).toBeCloseTo(1, 2);
  });

  it('domain terms are what the domain says more often than others do', () => {
    const domain = wordsOf('the agent takes the call. '.repeat(6));
    const terms = domainTerms(domain, wordsOf('the cat takes the fish. '.repeat(6)));
    expect([...terms].sort()).toEqual(['agent', 'call']);
    expect(textMetrics([['The agent sleeps']], terms).domainTerms).toBeCloseTo(1 / 3);
  });
});

describe('the pairwise judge', () => {
  const servers: ReturnType<typeof createServer>[] = [];
  afterEach(() => {
    for (const server of servers.splice(0)) server.close();
  });

  /** A chat-completions service whose verdict on (question, first answer, second answer) is a function's. */
  async function service(verdict: (first: string, second: string, call: number) => string | number) {
    let calls = 0;
    const requests: { headers: Record<string, unknown>; body: { model: string; temperature: number } }[] = [];
    const server = createServer(async (request, response) => {
      let text = '';
      for await (const chunk of request) text += chunk;
      const body = JSON.parse(text);
      requests.push({ headers: request.headers, body });
      const [, first, second] = /\[Assistant A\]\n(.*)\n\[End of A\]\n\n\[Assistant B\]\n(.*)\n\[End of B\]/s.exec(
        body.messages[1].content,
      ) as RegExpExecArray;
      const said = verdict(first, second, calls++);
      if (typeof said === 'number') {
        response.writeHead(said, { 'retry-after': '0' });
        return response.end('busy');
      }
      response.end(JSON.stringify({ choices: [{ message: { content: said } }] }));
    });
    servers.push(server);
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return { url: `http://127.0.0.1:${port}/v1`, requests };
  }
  const asked = (url: string) => ({ url, model: 'judge', key: 'secret', timeoutMilliseconds: 2000 });
  const pairs = Array.from({ length: 6 }, (_, i) => ({ question: `q${i}`, a: `good ${i}`, b: `bad ${i}` }));

  it('finds the better answers whichever comes first, and sends model, temperature and key', async () => {
    const { url, requests } = await service((first) => (first.startsWith('good') ? 'Yes.\n[[A]]' : '[[B]]'));
    const progress: number[] = [];
    const result = await compare(asked(url), pairs, (done) => progress.push(done));
    expect(result).toMatchObject({ winRate: 1, interval: [1, 1], inconsistent: 0 });
    expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
    expect(requests).toHaveLength(12);
    expect(requests[0]).toMatchObject({
      headers: { authorization: 'Bearer secret' },
      body: { model: 'judge', temperature: 0 },
    });
  });

  it('takes a liking for the first position for a tie', async () => {
    const { url } = await service(() => '[[A]]');
    expect(await compare(asked(url), pairs)).toMatchObject({ winRate: 0.5, inconsistent: 6 });
  });

  it('tries again when the service is busy', async () => {
    const { url } = await service((_, __, call) => (call === 0 ? 429 : '[[C]]'));
    expect(await compare(asked(url), pairs)).toMatchObject({ winRate: 0.5, inconsistent: 0 });
  });

  it.each([
    ['a refusal', () => 401, /status 401/],
    ['no verdict', () => 'I like both.', /gave no verdict: I like both/],
  ])('%s is an error', async (_, verdict, message) => {
    const { url } = await service(verdict);
    await expect(compare(asked(url), pairs)).rejects.toThrow(message);
  });
});
