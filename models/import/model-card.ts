import { basename } from 'node:path';
import { type BaseConfig, baseTensorShapes } from '../checkpoint/base-config.ts';
import type { Source } from './source.ts';

/** A README for a model folder: what the model is, where it comes from, and what was changed. */
export async function modelCard({ config, tensors, provenance, changes }: Source): Promise<string> {
  const files = await Promise.all(provenance.files.map(async (file) => [basename(file.path), await file.sha256()]));
  const formats = new Map<string, number>();
  for (const { format } of tensors.values()) formats.set(format, (formats.get(format) ?? 0) + 1);
  const rows = [
    ['name', provenance.name],
    ['by', provenance.organization ?? 'not said by its files'],
    ['licence', license(provenance)],
    ...files.map(([file, digest]) => ['from', `${file}, SHA-256 ${digest}`]),
    ['network', network(config)],
    ['parameters', String(parameterCount(config))],
    ['stored as', [...formats].map(([format, count]) => `${format.toUpperCase()} (${count})`).join(', ')],
  ];
  return `# ${provenance.name}

A next-token model that \`slingshot import\` made of another project's files, for cores to start from.

| | |
| --- | --- |
${rows.map((row) => `| ${row.join(' | ')} |`).join('\n')}

What differs from those files:

- Configuration, tokenizer and weights are files of their own, the weights in parts where they are large.
${changes.map((change) => `- ${change}\n`).join('')}
Every element that was kept has the bits it had.
`;
}

/** What the Apache licence asks of those who pass on changed files, for whatever licence the model is under. */
export function notice({ provenance, changes }: Source): string {
  const by = provenance.organization === undefined ? '' : `, by ${provenance.organization}`;
  return `This folder holds the model ${provenance.name}${by}, under its own licence: ${license(provenance)}.

It was changed:
- Configuration, tokenizer and weights are files of their own, the weights in parts where they are large.
${changes.map((change) => `- ${change}\n`).join('')}`;
}

function license({ license, licenseFile }: Source['provenance']): string {
  const text = licenseFile === undefined ? undefined : 'the text is in LICENSE';
  return [license, text].filter((part) => part !== undefined).join('; ') || 'not said by its files';
}

function network(config: BaseConfig): string {
  const inner = config.model_type === 'llama' ? config.intermediate_size : config.ffn_dim;
  const heads =
    config.model_type === 'llama'
      ? `${config.num_attention_heads} heads, ${config.num_key_value_heads} of keys and values`
      : `${config.num_attention_heads} heads`;
  return `${config.model_type}, ${config.num_hidden_layers} layers, ${config.hidden_size} wide, ${heads}, feed-forward ${inner}, ${config.vocab_size} tokens`;
}

function parameterCount(config: BaseConfig): number {
  return [...baseTensorShapes(config).values()].reduce((sum, shape) => sum + shape.reduce((a, b) => a * b, 1), 0);
}
