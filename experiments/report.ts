import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { makeFolder } from '../models/files/make-folder.ts';
import { baseModel, type Lab, tokensPerStep } from './lab.ts';

/** What an experiment found, ready for docs/experiments.md. */
export interface Report {
  readonly title: string;
  /** What was run: models, data, budget. */
  readonly setup: string;
  /** Markdown tables with a line above each. */
  readonly tables: readonly { readonly caption: string; readonly markdown: string }[];
  readonly charts: readonly { readonly name: string; readonly alt: string; readonly svg: string }[];
  /** One sentence, from the numbers. */
  readonly finding: string;
  /** Every number, for whoever wants to look again. */
  readonly data: unknown;
}

/** Writes NAME.md, NAME.json and the charts. */
export async function writeReport(folder: string, name: string, report: Report): Promise<string> {
  await makeFolder(folder);
  const { title, setup, tables, charts, finding, data } = report;
  const markdown = [
    `## ${title}`,
    `**${finding}**`,
    setup,
    ...tables.flatMap(({ caption, markdown }) => [caption, markdown]),
    ...charts.map(({ name: chart, alt }) => `![${alt}](experiments/${chart}.svg)`),
  ].join('\n\n');
  for (const { name: chart, svg } of charts) await writeFile(join(folder, `${chart}.svg`), svg);
  await writeFile(join(folder, `${name}.json`), `${JSON.stringify(data, null, 1)}\n`);
  await writeFile(join(folder, `${name}.md`), `${markdown}\n`);
  return markdown;
}

/** The sentence that most experiments share. */
export function setupOf(lab: Lab, domain: string, more: string): string {
  const { width, layers, vocabulary } = baseModel;
  const noised = (lab.steps * tokensPerStep).toLocaleString('en');
  return (
    `Models of ${layers} layers of ${width}, a vocabulary of ${vocabulary}, trained on ${domain} for ${lab.steps} steps of ` +
    `${tokensPerStep.toLocaleString('en')} noised tokens (${noised}), seeds ${lab.seeds.join(', ')}; ± is Student's 95 % interval over seeds. ${more}`
  );
}
