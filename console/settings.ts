/** What the page asks for, beside a private document, which is in no link. */
export interface Settings {
  readonly prompt: string;
  /** The models of the two columns. */
  readonly left: string;
  readonly right: string;
  /** The tenant model's share. */
  readonly weight: number;
  /** How strongly the private document counts. */
  readonly contrast: number;
  readonly quality: Quality;
  /** Steps a block; none for as many as it takes. */
  readonly steps: number | undefined;
  readonly seed: number;
  readonly tokens: number;
}

export const qualities = ['default', 'fast', 'high', 'published'] as const;
export type Quality = (typeof qualities)[number] | '';

export const usual: Settings = {
  ...{ prompt: '', left: 'core', right: '', weight: 0.8, contrast: 1, quality: '', steps: undefined },
  ...{ seed: 1, tokens: 50 },
};

/** A page's fragment that says all of them; what is usual is left out. */
export function toFragment(settings: Settings): string {
  const { prompt, left, right, weight, contrast, quality, steps, seed, tokens } = settings;
  const fields = new URLSearchParams({ p: prompt });
  const add = (name: string, value: unknown, usually: unknown) => {
    if (value !== usually && value !== undefined) fields.set(name, String(value));
  };
  add('a', left, usual.left);
  add('b', right, usual.right);
  add('w', weight, usual.weight);
  add('c', contrast, usual.contrast);
  add('q', quality, usual.quality);
  add('s', steps, usual.steps);
  add('n', tokens, usual.tokens);
  fields.set('seed', String(seed));
  return `#${fields}`;
}

/** The settings of a fragment; undefined where it has none. What is out of range is as usual. */
export function fromFragment(fragment: string): Settings | undefined {
  const fields = new URLSearchParams(fragment.replace(/^#/, ''));
  const prompt = fields.get('p');
  if (prompt === null) return undefined;
  const number = (name: string, usually: number, least: number, most: number, whole = false) => {
    const value = Number(fields.get(name) ?? usually);
    const fits = value >= least && value <= most && (!whole || Number.isInteger(value));
    return fits ? value : usually;
  };
  const model = (name: string, usually: string) => (fields.get(name) ?? usually).slice(0, 128);
  return {
    prompt: prompt.slice(0, 20_000),
    left: model('a', usual.left),
    right: model('b', usual.right),
    weight: number('w', usual.weight, 0, 1),
    contrast: number('c', usual.contrast, 0, 10),
    quality: qualities.find((quality) => quality === fields.get('q')) ?? '',
    steps: fields.has('s') ? number('s', 100, 1, 10_000, true) : undefined,
    seed: number('seed', usual.seed, 0, Number.MAX_SAFE_INTEGER, true),
    tokens: number('n', usual.tokens, 1, 100_000, true),
  };
}

/** Whether a model is one that a tenant's own corrects. */
export const isCorrected = (model: string) => model.includes('+');
