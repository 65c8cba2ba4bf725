import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { APIGatewayProxyEvent } from 'aws-lambda';
import { z } from 'zod';
import { dispatch } from '../../functions/api/dispatch.ts';
import { requestSchema } from '../../functions/contracts/request.ts';
import { routes } from '../../functions/contracts/routes.ts';
import { oneLane, prepare } from '../../functions/prepare/prepare.ts';
import { InvalidRequest } from '../../functions/shared/errors.ts';
import { readFleet } from '../../lib/fleet.ts';
import { close, listen } from '../../lib/local/listen.ts';
import { decodeSafetensors, encodeSafetensors, SafetensorsError } from '../../models/checkpoint/safetensors.ts';
import { BadRow } from '../../models/data/bad-row.ts';
import { readDocuments } from '../../models/data/documents.ts';
import { FileBytes } from '../../models/import/file-bytes.ts';
import { openGguf } from '../../models/import/gguf-source.ts';
import { ImportError } from '../../models/import/import-error.ts';
import { Denoiser } from '../../models/inference/denoiser.ts';
import {
  decodeAnswer,
  decodeInvocation,
  encodeAnswer,
  encodeInvocation,
  ProtocolError,
} from '../../models/serving/protocol.ts';
import { createModelServer } from '../../models/serving/server.ts';
import { formatNetworkConfig, parseNetworkConfig } from '../../models/ssd2/config.ts';
import { compress, readEnvelope } from '../../models/ssd2/envelope.ts';
import { checkEnvelope } from '../../models/ssd2/envelope-check.ts';
import type { LaneStep } from '../../models/ssd2/step.ts';
import { Tokenizer } from '../../models/tokenizer/tokenizer.ts';
import { parseRecipe } from '../../models/training/recipe.ts';
import { byteLevelTokenizer, gguf, llamaTensors } from '../support/checkpoints.ts';
import { softmax } from '../support/reference-network.ts';
import { routedFleet, tinyConfig, tinyFleet, tinyModel, tinyTokenizer } from '../support/tiny-fleet.ts';
import { tinyRecipeJson } from '../support/training.ts';
import { Fault, refusing, type Target } from './target.ts';

const { block, vocabulary } = tinyConfig;
const kept = 8;

function envelope() {
  const rows = Array.from({ length: block }, (_, i) =>
    softmax(Array.from({ length: vocabulary }, (_, v) => 3 * Math.sin(i * 7 + v))),
  );
  return compress(Float32Array.from(rows.flat(), Math.log), vocabulary, kept);
}

const lane: LaneStep = {
  context: [5, 6, 7],
  tokens: Array.from({ length: block }, (_, i) => [i + 20]),
  previous: envelope(),
  ...{ seed: 9, lane: 0, block: 0, step: 2, steps: 6 },
};
const invocation = encodeInvocation({
  lanes: [lane, { ...lane, lane: 1, previous: null, tokens: null, step: 0 }],
  ...{ kept, owner: 'x' },
});
const answer = encodeAnswer({
  ...{ model: 'core', version: 'x', lanes: [{ seed: 9, lane: 0, block: 0, step: 2 }], envelopes: [envelope()] },
  milliseconds: { context: 0, noise: 0, model: 1, compress: 0 },
});

const json = (value: unknown) => Buffer.from(JSON.stringify(value));
const parsed = (bytes: Buffer): unknown => {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    return bytes.toString();
  }
};

/** What talks to a caller. */
async function wireTargets(): Promise<Target[]> {
  const denoiser = await Denoiser.create(await tinyModel('core', 1));
  const server = createModelServer(Promise.resolve({ denoiser, version: 'x' }));
  const url = await listen(server);
  const { config, tokenizer } = await tinyModel('core', 1);
  const everywhere = [{ from: 0, to: 1, endpoint: { endpoint: 'x' } }];
  const catalog = {
    cores: { core: { routes: everywhere, template: 'plain' as const } },
    tenants: { acme: everywhere },
  };
  return [
    {
      ...{ name: 'envelope', share: 0.15, good: [envelope().bytes] },
      take: refusing((bytes) => checkEnvelope(readEnvelope(bytes), { positions: block, vocabulary, kept }), RangeError),
    },
    {
      ...{ name: 'call of an endpoint', share: 0.15, good: [invocation] },
      take: refusing(decodeInvocation, ProtocolError),
    },
    { name: "endpoint's answer", share: 0.15, good: [answer], take: refusing(decodeAnswer, ProtocolError) },
    {
      ...{ name: 'request body', share: 0.1, good: [invocation] },
      take: async (body) => {
        const { status } = await fetch(`${url}/invocations`, { method: 'POST', body });
        if (status >= 500) throw new Fault(`status ${status}`);
        return status === 200;
      },
      close: async () => {
        await close(server);
        await denoiser.release();
      },
    },
    {
      ...{ name: 'request', share: 0.05 },
      good: [
        json({ prompt: 'To create a queue', tokens: 5, steps: 4, seed: 3, visit: 2 }),
        json({ prompt: 'To', tenant: 'acme', weight: 0.5, context: 'A worker', contrast: 1, tokens: 5, topP: 0.9 }),
      ],
      take: refusing(async (bytes) => {
        const request = requestSchema.safeParse(parsed(bytes));
        if (!request.success) throw new InvalidRequest('refused');
        await prepare(oneLane(request.data), { config, tokenizer, catalog, kept });
      }, InvalidRequest),
    },
  ];
}

/** What programs send to the service. */
function serviceTargets(): Target[] {
  const messages = [
    { role: 'system', content: 'Be brief.' },
    { role: 'user', content: [{ type: 'text', text: 'What is a queue?' }] },
  ];
  const sampling = { model: 'core', n: 2, seed: 7, stop: ['.', '\n'], temperature: 0.7, top_p: 0.9 };
  const paths = ['/v1/chat/completions', '/v1/completions', '/v1/generations', '/v1/contexts'];
  const taken = async () => ({ status: 200, body: {} });
  const handlers = Object.fromEntries(Object.keys(routes).map((id) => [id, taken]));
  const authorizer = { tenant: 'acme', keyId: 'key', tier: 'standard', scopes: 'generate read' };
  return [
    {
      ...{ name: 'API body', share: 0.05 },
      good: [
        json({ ...sampling, messages, stream: true, max_completion_tokens: 5 }),
        json({ ...sampling, prompt: ['To', 'A worker'], max_tokens: 5, logprobs: 2 }),
        json({ model: 'core+acme', prompt: 'To', slingshot: { steps: 9, visit: 2, quality: 'fast' } }),
        json({ content: 'A worker reads them.' }),
      ],
      take: async (bytes) => {
        let taken = false;
        for (const resource of paths) {
          const { status, headers } = await dispatch(
            {
              ...{
                httpMethod: 'POST',
                resource,
                path: resource,
                body: bytes.toString('base64'),
                isBase64Encoded: true,
              },
              ...{ headers: {}, pathParameters: null, multiValueQueryStringParameters: null },
              requestContext: { requestId: 'x', authorizer },
            } as unknown as APIGatewayProxyEvent,
            handlers,
            { gone: new AbortController().signal, until: Date.now() + 60_000 },
          );
          if (status >= 500) throw new Fault(`${resource}: status ${status}`);
          if (status !== 200 && headers?.['content-type'] !== 'application/problem+json') {
            throw new Fault(`${resource}: status ${status} without a problem document`);
          }
          taken ||= status === 200;
        }
        return taken;
      },
    },
  ];
}

/** What lies in a model's folder. */
async function modelTargets(folder: string): Promise<Target[]> {
  const tensors = new Map([
    ['a', { shape: [2, 3], data: Float32Array.of(1, 2, 3, 4, 5, 6) }],
    ['b', { shape: [4], data: Float16Array.of(1, 2, 3, 4) }],
    ['c', { shape: [3], data: Int8Array.of(1, 2, 3) }],
  ]);
  const path = join(folder, 'fuzz.gguf');
  const checkpoint = gguf({ tensors: llamaTensors(), tokenizer: await byteLevelTokenizer(), type: 'Q4_1' });
  return [
    {
      ...{ name: 'safetensors', share: 0.1, good: [Buffer.concat(encodeSafetensors(tensors, { format: 'pt' }))] },
      take: refusing(decodeSafetensors, SafetensorsError),
    },
    {
      ...{ name: 'config.json', share: 0.03, good: [json(formatNetworkConfig(tinyConfig))] },
      take: refusing((bytes) => parseNetworkConfig(parsed(bytes)), z.ZodError),
    },
    {
      ...{ name: 'tokenizer.json', share: 0.02, good: [Buffer.from(await tinyTokenizer())] },
      take: refusing(
        async (bytes) => {
          const tokenizer = Tokenizer.parse(bytes.toString());
          await tokenizer.decode(await tokenizer.encode('To create a queue'));
          // What is not JSON is said to be so by JSON.parse, in the words that the file's reader puts its name before.
        },
        Error,
        SyntaxError,
      ),
    },
    {
      ...{ name: 'GGUF', share: 0.05, good: [checkpoint] },
      take: refusing(async (bytes) => {
        await writeFile(path, bytes);
        await using file = await FileBytes.open(path);
        await openGguf(file);
      }, ImportError),
    },
  ];
}

/** What people write by hand. */
async function textTargets(folder: string): Promise<Target[]> {
  const rows = [
    json({ text: 'The queue holds messages until a worker reads them.' }),
    json({ instruction: 'What is a queue?', context: '', response: 'It holds messages.' }),
  ];
  const lines = join(folder, 'fuzz.jsonl');
  const { folder: models, remove } = await tinyFleet();
  const read = async (bytes: Buffer, format: 'text' | 'instructions') => {
    await writeFile(lines, bytes);
    for await (const _ of readDocuments([lines], format, { policy: 'fail' })) void _;
  };
  const good = [Buffer.concat(rows.flatMap((row) => [row, Buffer.from('\n')])), ...rows];
  return [
    {
      ...{ name: 'recipe', share: 0.06, good: [Buffer.from(tinyRecipeJson()), Buffer.from(yaml)] },
      take: refusing((bytes) => parseRecipe(bytes.toString(), 'fuzz.yaml'), Error),
    },
    { name: 'JSON Lines of texts', share: 0.03, good, take: refusing((bytes) => read(bytes, 'text'), BadRow) },
    {
      ...{ name: 'JSON Lines of instructions', share: 0.03, good },
      take: refusing((bytes) => read(bytes, 'instructions'), BadRow),
    },
    {
      ...{ name: 'fleet.json', share: 0.03 },
      good: [json({ cores: { core: 'core' }, tenants: { acme: 'acme' } }), json(routedFleet)],
      take: refusing(async (bytes) => {
        await writeFile(join(models, 'fleet.json'), bytes);
        await readFleet(models);
      }, Error),
      close: remove,
    },
  ];
}

const yaml = `model: { model_type: ssd2, backbone: opt }
seed: 3
batch: &batch
  sequences: 2
  blocks: 3
budget: { steps: 12 }
optimiser:
  learningRate: 1e-2
  warmup: 2
validation: { every: 4, batches: 1 }
checkpointEvery: 4
`;

/** All targets, and what ends them. */
export async function makeTargets(): Promise<{ targets: Target[]; close: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), 'slingshot-fuzz-'));
  const targets = [
    ...(await wireTargets()),
    ...serviceTargets(),
    ...(await modelTargets(folder)),
    ...(await textTargets(folder)),
  ];
  return {
    targets,
    async close() {
      for (const target of targets) await target.close?.();
      await rm(folder, { recursive: true });
    },
  };
}
