import { describe, expect, test } from 'vitest';
import { readDistributedMap } from '../../../lib/local/distributed-map/map-state.ts';
import type { MapStore } from '../../../lib/local/distributed-map/map-store.ts';
import { runDistributedMap } from '../../../lib/local/distributed-map/run-map.ts';
import { Execution } from '../../../lib/local/execution.ts';
import type { Definition, State } from '../../../lib/local/states-language.ts';

const machineArn = 'arn:aws:states:local:000000000000:stateMachine:Multiply';

/** The Map of the documentation's examples: items of a JSONL object, three a child. */
const processor = {
  ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'STANDARD' },
  StartAt: 'Act',
  States: { Act: { Type: 'Task', Resource: 'act', End: true } },
};
const state: State = {
  Type: 'Map',
  Label: 'Map',
  MaxConcurrencyPath: '$.most',
  ToleratedFailurePercentage: 30,
  ItemReader: {
    Resource: 'arn:aws:states:::s3:getObject',
    ReaderConfig: { InputType: 'JSONL', MaxItemsPath: '$.items' },
    Parameters: { Bucket: 'numbers', 'Key.$': '$.key' },
  },
  ItemBatcher: {
    MaxItemsPerBatchPath: '$.perBatch',
    BatchInput: { MultiplicationFactor: 7, 'whose.$': '$$.Execution.Input.tenant' },
  },
  ResultWriter: {
    Resource: 'arn:aws:states:::s3:putObject',
    Parameters: { Bucket: 'results', Prefix: 'jobs' },
    WriterConfig: { OutputType: 'JSONL', Transformation: 'COMPACT' },
  },
  ItemProcessor: processor as unknown as Definition,
  End: true,
} as State;

interface Batch {
  readonly BatchInput: { readonly MultiplicationFactor: number };
  readonly Items: number[];
}

async function run(act: (batch: Batch) => Promise<unknown>, { most = 2, items = 10, lines = 10, tolerated = 30 } = {}) {
  const objects = new Map<string, string>();
  const store: MapStore = {
    async *lines(bucket, key) {
      expect([bucket, key]).toEqual(['numbers', 'ten.jsonl']);
      for (let i = 1; i <= lines; i++) yield String(i);
    },
    put: async (bucket, key, body) => void objects.set(`${bucket}/${key}`, body),
  };
  const inputs: unknown[] = [];
  let [running, mostRunning] = [0, 0];
  const known = { input: { most, items, perBatch: 3, key: 'ten.jsonl' }, execution: { Input: { tenant: 'acme' } } };
  const result = runDistributedMap(
    readDistributedMap({ ...state, ToleratedFailurePercentage: tolerated }, 'here'),
    known,
    {
      ...{ store, machineArn, isOver: () => false },
      start: (name, input) => {
        inputs.push(JSON.parse(input));
        const { ProcessorConfig, ...definition } = processor;
        const Act = async (batch: unknown) => {
          mostRunning = Math.max(mostRunning, ++running);
          await new Promise((resolve) => setTimeout(resolve, 5));
          running--;
          return (await act(batch as Batch)) as { multiplied: number[] };
        };
        const arn = `arn:child:${name}`;
        return { arn, execution: new Execution(definition as Definition, input, { arn, name, tasks: { Act } }) };
      },
    },
  );
  const settled = await result.then(
    (value) => ({ value: value as { MapRunArn: string; ResultWriterDetails: { Bucket: string; Key: string } } }),
    (error: Error) => ({ error }),
  );
  return { settled, objects, inputs, mostRunning };
}

const multiply = async ({ BatchInput, Items }: Batch) => ({
  multiplied: Items.map((item) => item * BatchInput.MultiplicationFactor),
});

describe('a Distributed Map', () => {
  test('hands batches of its items to children, a few at a time, each with the input of all', async () => {
    const { inputs, mostRunning } = await run(multiply);
    const BatchInput = { MultiplicationFactor: 7, whose: 'acme' };
    expect(inputs).toEqual([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10]].map((Items) => ({ BatchInput, Items })));
    expect(mostRunning).toBe(2);
  });

  test('reads as many items as it is told to', async () => {
    const { inputs } = await run(multiply, { items: 4, most: 0 });
    expect(inputs.map((input) => (input as Batch).Items)).toEqual([[1, 2, 3], [4]]);
  });

  test('leaves outputs, failures and a manifest in the bucket, and says where', async () => {
    const { settled, objects } = await run(async (batch) => {
      if (batch.Items.includes(4)) throw Object.assign(new Error('no'), { name: 'Odd' });
      return multiply(batch);
    });
    if (!('value' in settled)) throw settled.error;
    const { MapRunArn, ResultWriterDetails } = settled.value;
    const [, id] = /^arn:aws:states:local:000000000000:mapRun:Multiply\/Map:([0-9a-f-]{36})$/.exec(MapRunArn) ?? [];
    expect(ResultWriterDetails).toEqual({ Bucket: 'results', Key: `jobs/${id}/manifest.json` });
    const manifest = JSON.parse(objects.get(`results/jobs/${id}/manifest.json`) ?? '');
    const key = (name: string) => `jobs/${id}/${name}_0.jsonl`;
    expect(manifest).toEqual({
      ...{ DestinationBucket: 'results', MapRunArn },
      ResultFiles: {
        FAILED: [{ Key: key('FAILED'), Size: expect.any(Number) }],
        PENDING: [],
        SUCCEEDED: [{ Key: key('SUCCEEDED'), Size: expect.any(Number) }],
      },
    });
    const lines = (name: string) =>
      (objects.get(`results/${key(name)}`) ?? '')
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect(
      lines('SUCCEEDED')
        .map(({ multiplied }) => multiplied[0])
        .sort((a, b) => a - b),
    ).toEqual([7, 49, 70]);
    expect(lines('FAILED')).toMatchObject([
      { Status: 'FAILED', Error: 'Odd', Cause: 'no', MapRunArn, InputDetails: { Included: true } },
    ]);
  });

  test('fails when more children fail than it tolerates', async () => {
    const fail = async () => Promise.reject(new Error('no'));
    const { settled } = await run(fail);
    expect(settled).toMatchObject({ error: { name: 'States.ExceedToleratedFailureThreshold' } });
    expect((await run(fail, { tolerated: 100 })).settled).toHaveProperty('value');
  });

  test('is refused by the name of a field that is not run here', () => {
    const change = (changes: object) => () =>
      readDistributedMap({ ...state, ...changes } as State, 'machine, state Map');
    const { ReaderConfig, ...reader } = state.ItemReader as { ReaderConfig: object };
    const { WriterConfig, ...writer } = state.ResultWriter as { WriterConfig: object };
    const refusals: [object, string][] = [
      [{ ItemSelector: {} }, 'ItemSelector'],
      [{ MaxConcurrency: 3 }, 'MaxConcurrency'],
      [{ ToleratedFailureCount: 3 }, 'ToleratedFailureCount'],
      [{ ItemReader: { ...reader, ReaderConfig: { InputType: 'CSV', MaxItemsPath: '$.items' } } }, 'InputType'],
      [{ ItemReader: { ...reader, ReaderConfig: { ...ReaderConfig, CSVHeaders: [] } } }, 'CSVHeaders'],
      [
        { ItemReader: { ...reader, ReaderConfig: { ...ReaderConfig, MaxItemsPath: '$.items[0]' } } },
        '\\$\\.items\\[0\\]',
      ],
      [{ ItemBatcher: { MaxItemsPerBatchPath: '$.perBatch', MaxInputBytesPerBatch: 9 } }, 'MaxInputBytesPerBatch'],
      [{ ResultWriter: { ...writer, WriterConfig: { OutputType: 'JSON', Transformation: 'COMPACT' } } }, 'OutputType'],
      [{ ResultWriter: undefined }, 'ResultWriter'],
      [
        { ItemProcessor: { ...processor, ProcessorConfig: { Mode: 'DISTRIBUTED', ExecutionType: 'EXPRESS' } } },
        'ExecutionType',
      ],
    ];
    for (const [changes, name] of refusals) expect(change(changes)).toThrow(new RegExp(`machine, state Map.*${name}`));
  });
});
