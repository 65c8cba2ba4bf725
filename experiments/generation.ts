import { join } from 'node:path';
import { DirectEngine } from '../lib/direct-engine.ts';
import { type Fleet, type FleetModel, fleetModel, shippedModels } from '../lib/fleet.ts';
import { samplePrompts } from '../lib/sample-prompts.ts';
import { NextToken } from '../models/autoregressive/next-token.ts';
import { type AutoregressiveMember, sampleTokens } from '../models/autoregressive/sample.ts';
import { isAutoregressive, loadModel } from '../models/checkpoint/model-directory.ts';
import { loadServedConfig } from '../models/checkpoint/served-model.ts';
import { measureSamples, type SampleMetrics } from '../models/evaluation/measure-samples.ts';
import { promptsOf } from '../models/evaluation/prompts.ts';
import { stepsToRun } from '../models/ssd2/halting.ts';
import type { Tokenizer } from '../models/tokenizer/tokenizer.ts';
import type { Domain, Lab, Trained } from './lab.ts';

const promptCount = 16;
const promptWords = 12;
const tokens = 50;

export interface GenerationOptions {
  readonly steps: number;
  readonly stopAt: number;
  readonly patience?: number;
  readonly haltEntropy?: number;
  readonly seed: number;
  /** The tenant and its weight. */
  readonly tenant?: { readonly model: Trained; readonly weight: number };
  /** Who answers for which timesteps instead of the model for all. */
  readonly routes?: readonly { readonly from: number; readonly to: number; readonly model: Trained }[];
}

export interface Generated {
  /** What the judge takes for a token, in nats: multiplicative noise of perplexity is additive here. */
  readonly logPerplexity: number;
  readonly metrics: SampleMetrics;
  readonly tokensPerSecond: number;
  /** Steps run of all that N timesteps would be. */
  readonly stepShare: number;
}

/** Generation from held-out prompts, measured under the shipped judge. */
export class GenerationBench {
  readonly prompts: readonly string[];
  readonly #judge: NextToken;
  readonly #judgeTokenizer: Tokenizer;
  readonly #lab: Lab;

  private constructor(lab: Lab, prompts: readonly string[], judge: NextToken, tokenizer: Tokenizer) {
    this.#lab = lab;
    this.prompts = prompts;
    this.#judge = judge;
    this.#judgeTokenizer = tokenizer;
  }

  static async create(lab: Lab, domain: Domain): Promise<GenerationBench> {
    const judge = await loadModel(join(shippedModels, 'judge'));
    if (!isAutoregressive(judge)) throw new Error('the shipped judge is no autoregressive model');
    const prompts = await promptsOf(await lab.files(domain, 'valid'), promptCount, promptWords);
    return new GenerationBench(lab, prompts, new NextToken(judge), judge.tokenizer);
  }

  async diffusion(model: Trained, options: GenerationOptions): Promise<Generated> {
    const { steps, stopAt, patience = 10_000, haltEntropy = 0, seed, tenant } = options;
    const engine = await DirectEngine.start(await fleetOf(model, options));
    const chosen = tenant ? { tenant: 'tenant', weight: tenant.weight } : {};
    const request = { ...chosen, tokens, steps, stopAt, patience, haltEntropy };
    const { texts, tokensPerSecond, ...run } = await samplePrompts(engine, this.prompts, request, { samples: 1, seed });
    await engine.stop();
    const stepShare = run.steps / (run.blocks * stepsToRun(steps, 0));
    return { ...(await this.#measure(texts)), tokensPerSecond, stepShare };
  }

  async autoregressive(members: readonly AutoregressiveMember[], seed: number): Promise<Generated> {
    const { tokenizer } = await this.#lab.tokenizer();
    const prompts = await tokenizer.encodeBatch([...this.prompts]);
    const started = performance.now();
    const ids: number[][] = [];
    // One prompt at a time, as the diffusion models are asked.
    for (const [i, prompt] of prompts.entries()) {
      const [text] = await sampleTokens(members, [prompt], { tokens, topP: 0.9, seed: seed * 1000 + i });
      ids.push(text);
    }
    const generated = ids.reduce((sum, { length }) => sum + length, 0);
    const tokensPerSecond = (1000 * generated) / (performance.now() - started);
    const samples = await Promise.all(ids.map(async (text) => [await tokenizer.decode(text)]));
    return { ...(await this.#measure(samples)), tokensPerSecond, stepShare: 1 };
  }

  async #measure(samples: readonly (readonly string[])[]): Promise<{ metrics: SampleMetrics; logPerplexity: number }> {
    const metrics = await measureSamples(this.prompts, samples, this.#judge, this.#judgeTokenizer);
    return { metrics, logPerplexity: Math.log(metrics.perplexity) };
  }

  release(): Promise<void> {
    return this.#judge.release();
  }
}

async function fleetOf(model: Trained, { tenant, routes }: GenerationOptions): Promise<Fleet> {
  const cores = routes ?? [{ from: 0, to: 1, model }];
  const named = (trained: Trained, role: 'core' | 'tenant') =>
    fleetModel(role, trained.directory, role, { endpoint: trained.directory });
  const models = new Map<string, FleetModel>();
  for (const { model } of cores) models.set(model.directory, await named(model, 'core'));
  if (tenant) models.set(tenant.model.directory, await named(tenant.model, 'tenant'));
  const table = cores.map(({ from, to, model: { directory } }) => ({ from, to, endpoint: { endpoint: directory } }));
  return {
    core: await named(model, 'core'),
    shape: await loadServedConfig(model.directory),
    models: [...models.values()],
    catalog: {
      cores: { core: { routes: table, template: 'plain' } },
      tenants: tenant ? { tenant: [{ from: 0, to: 1, endpoint: { endpoint: tenant.model.directory } }] } : {},
    },
  };
}
