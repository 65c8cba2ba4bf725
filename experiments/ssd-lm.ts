import { baseModel, type Domain, type Lab } from './lab.ts';
import { type Arm, describeDifference, difference, lossTable, measureArm } from './losses.ts';
import { type Report, setupOf } from './report.ts';

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
  const results: Arm[] = [];
  for (const { name, ...training } of arms) {
    results.push(await measureArm(lab, name, await lab.trainSeeds(training), domain));
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
