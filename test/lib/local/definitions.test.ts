import { describe, expect, it } from 'vitest';
import { refuseUnsupported } from '../../../lib/local/definitions.ts';
import type { Definition } from '../../../lib/local/states-language.ts';
import { LocalStepFunctions } from '../../../lib/local/step-functions.ts';

const task = { Type: 'Task', Resource: 'arn:aws:lambda:local:000000000000:function:Known', End: true };
const machine = (states: Record<string, object>, more: object = {}) =>
  ({ StartAt: Object.keys(states)[0], States: states, ...more }) as unknown as Definition;

describe('the local cloud refuses what its interpreter would run wrongly', () => {
  it.each([
    ['JSONata', machine({ A: task }, { QueryLanguage: 'JSONata' }), 'M: the local cloud does not run JSONata'],
    ['JSONata in a state', machine({ A: { ...task, QueryLanguage: 'JSONata' } }), 'M, state A'],
    [
      'a Distributed Map of children that it does not know',
      machine({
        A: { Type: 'Map', ItemProcessor: { ...machine({ B: task }), ProcessorConfig: { Mode: 'DISTRIBUTED' } } },
      }),
      'M, state A, ProcessorConfig: the local cloud runs ExecutionType STANDARD alone',
    ],
    [
      'a Distributed Map in a Map',
      machine({
        A: {
          Type: 'Map',
          ItemProcessor: machine({
            B: { Type: 'Map', ItemProcessor: { ...machine({ C: task }), ProcessorConfig: { Mode: 'DISTRIBUTED' } } },
          }),
        },
      }),
      'M, state B: the local cloud does not run a Distributed Map inside of another state',
    ],
    [
      'a job to wait for, inside a branch',
      machine({
        A: { Type: 'Parallel', Branches: [machine({ B: { ...task, Resource: 'arn:aws:states:::x.sync' } })] },
      }),
      'M, state B',
    ],
  ])('%s', (_, definition, message) => {
    expect(() => refuseUnsupported(definition, 'M')).toThrow(message);
  });

  it('a Task without a handler', () => {
    const source = { arn: 'arn:m', type: 'EXPRESS' as const, definition: machine({ A: task }) };
    expect(() => new LocalStepFunctions([source], new Map())).toThrow('state A: nothing handles');
  });
});
