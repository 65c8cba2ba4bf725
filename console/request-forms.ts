import { isCorrected, type Settings } from './settings.ts';

export interface Asked {
  readonly settings: Settings;
  /** The model of one column. */
  readonly model: string;
  /** The id of a private document, which the tenant's model is given. */
  readonly context?: string | undefined;
}

/** The body of POST /v1/generations for one column. */
export function generationBody({ settings, model, context }: Asked): object {
  const { prompt, seed, tokens } = settings;
  return {
    model,
    prompt,
    max_tokens: tokens,
    seed,
    slingshot: { ...options({ settings, model, context }), detail: 'positions' },
  };
}

function options({ settings, model, context }: Asked): Record<string, unknown> {
  const { weight, contrast, quality, steps } = settings;
  return {
    ...(isCorrected(model) ? { weight } : {}),
    ...(isCorrected(model) && context ? { context, ...(contrast > 0 ? { contrast } : {}) } : {}),
    ...(quality === '' ? {} : { quality }),
    ...(steps === undefined ? {} : { steps }),
  };
}

/** In a POSIX shell's single quotes. */
const quoted = (text: string) => `'${text.replaceAll("'", "'\\''")}'`;

/** The same request by curl, the key in the variable KEY. */
export function asCurl(asked: Asked, origin: string): string {
  const { prompt, seed, tokens } = asked.settings;
  const slingshot = options(asked);
  const body = {
    ...{ model: asked.model, prompt, max_tokens: tokens, seed },
    ...(Object.keys(slingshot).length > 0 ? { slingshot } : {}),
  };
  return `curl ${origin}/v1/completions \\
  -H "authorization: Bearer $KEY" \\
  -H 'content-type: application/json' \\
  -d ${quoted(JSON.stringify(body))}`;
}

/** The same by OpenAI's client for JavaScript. */
export function asClient(asked: Asked, origin: string): string {
  const { prompt, seed, tokens } = asked.settings;
  const slingshot = options(asked);
  const lines = [
    `model: ${JSON.stringify(asked.model)},`,
    `prompt: ${JSON.stringify(prompt)},`,
    `max_tokens: ${tokens},`,
    `seed: ${seed},`,
    ...(Object.keys(slingshot).length > 0 ? [`slingshot: ${JSON.stringify(slingshot)},`] : []),
  ];
  return `import OpenAI from 'openai';

const client = new OpenAI({ baseURL: '${origin}/v1', apiKey: process.env.KEY });
const { choices } = await client.completions.create({
  ${lines.join('\n  ')}
});
console.log(choices[0].text);`;
}

/** The same on the command line, which needs no service. A document is a file there. */
export function asCommand({ settings, model, context }: Asked): string {
  const { prompt, seed, tokens, weight, contrast, quality, steps } = settings;
  const [core, tenant] = model.split('+');
  return [
    `npx slingshot generate --prompt ${quoted(prompt)}`,
    `--tokens ${tokens} --seed ${seed}`,
    ...(core === 'core' ? [] : [`--core ${core}`]),
    ...(tenant === undefined ? [] : [`--tenant ${tenant} --weight ${weight}`]),
    ...(tenant !== undefined && context ? [`--context document.txt --contrast ${contrast}`] : []),
    ...(quality === '' ? [] : [`--quality ${quality}`]),
    ...(steps === undefined ? [] : [`--steps ${steps}`]),
  ].join(' \\\n  ');
}
