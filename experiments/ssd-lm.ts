import { baseModel, type Domain, type Lab, type Trained } from './lab.ts';
import { type Arm, describeDifference, difference, type HeldOut, heldOut, lossTable } from './losses.ts';
import type { Report } from './report.ts';

/** SSD-2 without self-conditioning against SSD-LM: same data, same number of noised tokens seen. */
export async function ssdLm(lab: Lab): Promise<Report> {
  const domain: Domain = 'fairy-tales';
  const { steps } = lab;
  const plain = { domain, steps, objective: { selfConditioning: 0, nextTokenWeight: 0 } } as const;
  const arms = [
    { name: "SSD-LM's layout", model: { ...baseModel, contextMask: 'full' as const }, ...plain },
    { name: 'SSD-2, segment mask', model: { ...baseModel, contextMask: 'segment' as const }, ...plain },
    { name: 'SSD-2, causal mask', model: baseModel, ...plain },
    {
      name: 'SSD-2, causal mask, next-token loss',
      model: baseModel,
      domain,
      steps,
      objective: { selfConditioning: 0 },
    },
    {
      name: 'the same without attention bias',
      model: { ...baseModel, attentionBias: 'none' as const },
      ...{ domain, steps, objective: { selfConditioning: 0 } },
    },
  ];
  const results: (Arm & { seconds: number })[] = [];
  for (const { name, ...training } of arms) {
    const trained = await lab.trainSeeds(training);
    const losses: HeldOut[] = [];
    for (const one of trained) losses.push(await heldOut(lab, one, domain));
    results.push({ name, losses, seconds: mean(trained) });
  }
  const [ssdLmArm, , causal, withNext] = results;
  return {
    title: '1. SSD-2 without self-conditioning against SSD-LM',
    setup: setupOf(lab, domain, 'Nothing is self-conditioned.'),
    tables: [{ caption: 'Held-out cross-entropy, nats a token, mean over seeds:', markdown: lossTable(results) }],
    charts: [],
    finding:
      `For the same noised tokens SSD-2's loss is ${describeDifference(difference(causal, ssdLmArm))} against SSD-LM's` +
      ` layout; with the next-token loss it is ${describeDifference(difference(withNext, ssdLmArm))}.`,
    data: results,
  };
}

function mean(trained: readonly Trained[]): number {
  return trained.reduce((sum, { seconds }) => sum + seconds, 0) / trained.length;
}

/** The sentence that most experiments share. */
export function setupOf(lab: Lab, domain: string, more: string): string {
  const { width, layers, vocabulary } = baseModel;
  const noised = (lab.steps * 1000).toLocaleString('en');
  return (
    `Models of ${layers} layers of ${width}, a vocabulary of ${vocabulary}, trained on ${domain} for ${lab.steps} steps of ` +
    `1,000 noised tokens (${noised}), seeds ${lab.seeds.join(', ')}; ± is Student's 95 % interval over seeds. ${more}`
  );
}
