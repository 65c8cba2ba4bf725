import { randomUUID } from 'node:crypto';
import { createServer, type Server } from 'node:http';
import { StateMachine } from 'aws-local-stepfunctions';
import { type LocalStateMachine, tasksOf } from './definitions.ts';
import { type DistributedMapState, isDistributed, readDistributedMap, standIn } from './distributed-map/map-state.ts';
import { bucketStore } from './distributed-map/map-store.ts';
import { runDistributedMap } from './distributed-map/run-map.ts';
import { Execution, type ExecutionEvent, type ExecutionResult, type TaskFunctions } from './execution.ts';
import { close, listen } from './listen.ts';
import { readBody } from './read-body.ts';
import type { LocalService } from './service.ts';
import { checkStateSize, markMeasured } from './state-limit.ts';
import type { Definition } from './states-language.ts';

/** What a Task's resource does, by resource ARN. */
export type TaskHandlers = ReadonlyMap<string, (input: unknown) => Promise<unknown>>;

/** What EventBridge delivers when a Standard execution has ended. */
export type OnEnd = (stateMachineArn: string, executionArn: string, status: ExecutionResult['status']) => Promise<void>;

/** Sees every event of every execution. */
export type Watch = (executionArn: string, event: ExecutionEvent) => void;

/** Of Standard executions; the service describes them for 90 days. */
const rememberedExecutions = 1000;

/** Step Functions on loopback. */
export async function startStepFunctions(
  machines: Iterable<LocalStateMachine>,
  handlers: TaskHandlers,
  watch?: Watch,
  onEnd?: OnEnd,
): Promise<LocalService & { readonly executions: LocalStepFunctions }> {
  const executions = new LocalStepFunctions(machines, handlers, watch, onEnd);
  const server = executions.server();
  return { environment: { AWS_ENDPOINT_URL_SFN: await listen(server) }, stop: () => close(server), executions };
}

/** Runs state machines and answers the Step Functions API for them on loopback. */
export class LocalStepFunctions {
  readonly #machines = new Map<string, LocalStateMachine & { readonly tasks: TaskFunctions }>();
  readonly #executions = new Map<string, Execution>();
  readonly #watch: Watch | undefined;
  readonly #onEnd: OnEnd | undefined;

  /** @throws Error when a Task has no handler: the interpreter would call the real service */
  constructor(machines: Iterable<LocalStateMachine>, handlers: TaskHandlers, watch?: Watch, onEnd?: OnEnd) {
    this.#watch = watch;
    this.#onEnd = onEnd;
    for (const machine of machines) {
      const maps = new Map<string, (input: unknown) => Promise<unknown>>();
      const States = Object.entries(machine.definition.States).map(([name, state]) => {
        if (!isDistributed(state)) return [name, state] as const;
        const resource = `local:distributed-map:${name}`;
        maps.set(resource, this.#mapOf(readDistributedMap(state, `${machine.arn}, state ${name}`), machine, handlers));
        return [name, standIn(state, resource)] as const;
      });
      const definition: Definition = { ...machine.definition, States: Object.fromEntries(States) };
      // For what it checks; each execution makes its own, unchecked.
      new StateMachine(definition as never, { validationOptions: { checkArn: false } });
      const tasks = tasksWith(definition, new Map([...handlers, ...maps]));
      this.#machines.set(machine.arn, { ...machine, definition, tasks });
    }
  }

  /** A Distributed Map as a Task of its own, whose children are executions. */
  #mapOf(state: DistributedMapState, machine: LocalStateMachine, handlers: TaskHandlers) {
    const { ProcessorConfig, ...definition } = state.processor;
    new StateMachine(definition as never, { validationOptions: { checkArn: false } });
    const tasks = tasksWith(definition, handlers);
    const store = bucketStore();
    return (input: unknown) => {
      const known = input as { input: unknown; execution: { Id: string } };
      return runDistributedMap(state, known, {
        ...{ store, machineArn: machine.arn },
        start: (name, childInput) => {
          const arn = executionArn(`${machine.arn}/${state.label}`, name);
          return { arn, execution: this.#execute({ arn, name, definition, tasks }, childInput) };
        },
        isOver: () => {
          const { isAborted, result } = this.#execution(known.execution.Id);
          return isAborted || result.status !== 'RUNNING';
        },
      });
    };
  }

  /** The API over HTTP: what starts, describes, lists, stops and redrives executions, and describes machines. */
  server(): Server {
    return createServer(async (request, response) => {
      const action = String(request.headers['x-amz-target']).split('.')[1];
      try {
        const body = await this.#act(action, JSON.parse(String(await readBody(request))));
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify(body));
      } catch (error) {
        response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify({ __type: (error as Error).name, message: (error as Error).message }));
      }
    });
  }

  /** Settles when a Standard execution has ended, however it did: what the service says by an event. */
  async ended(executionArn: string): Promise<void> {
    await this.#execution(executionArn).ended;
  }

  async #act(action: string, input: Record<string, string>): Promise<object> {
    switch (action) {
      case 'StartExecution': {
        const { arn, execution } = this.#startOnce(input);
        return { executionArn: arn, startDate: execution.startDate };
      }
      case 'StartSyncExecution': {
        const { arn, execution } = this.#start(input);
        return describe(arn, execution, await execution.ended);
      }
      case 'DescribeExecution': {
        const execution = this.#execution(input.executionArn);
        return describe(input.executionArn, execution, execution.result);
      }
      case 'ListExecutions':
        return { executions: this.#running(input.stateMachineArn) };
      case 'DescribeStateMachine': {
        const { stateMachineArn = '' } = input;
        const { arn, type, definition } = this.#machine(stateMachineArn);
        return { stateMachineArn: arn, type, status: 'ACTIVE', definition: JSON.stringify(definition) };
      }
      // Of the history, the last state that was entered: all that is asked of it.
      case 'GetExecutionHistory': {
        const { state } = this.#execution(input.executionArn);
        const event = { id: 1, type: 'TaskStateEntered', stateEnteredEventDetails: { name: state } };
        return { events: state === undefined ? [] : [event] };
      }
      case 'StopExecution':
        this.#execution(input.executionArn).abort();
        return { stopDate: Date.now() / 1000 };
      case 'RedriveExecution':
        this.#execution(input.executionArn).redrive();
        this.#announce(input.executionArn);
        return { redriveDate: Date.now() / 1000 };
      default:
        throw namedError('UnknownOperationException', `the local cloud does not do ${action}`);
    }
  }

  /** Those that run; no other list is asked for. */
  #running(stateMachineArn: string): object[] {
    return [...this.#executions]
      .filter(([arn, { result }]) => result.status === 'RUNNING' && arn.startsWith(executionArn(stateMachineArn, '')))
      .map(([arn, { startDate }]) => ({
        ...{ executionArn: arn, stateMachineArn, name: arn.split(':').at(-1), status: 'RUNNING', startDate },
      }));
  }

  #execution(arn: string): Execution {
    const execution = this.#executions.get(arn);
    if (!execution) throw namedError('ExecutionDoesNotExist', `no execution ${arn}`);
    return execution;
  }

  #remember(arn: string, execution: Execution): void {
    this.#executions.set(arn, execution);
    for (const [oldest, { result }] of this.#executions) {
      if (this.#executions.size <= rememberedExecutions) break;
      if (result.status !== 'RUNNING') this.#executions.delete(oldest);
    }
  }

  #machine(arn: string) {
    const machine = this.#machines.get(arn);
    if (!machine) throw namedError('StateMachineDoesNotExist', `no state machine ${arn}`);
    return machine;
  }

  /** A Standard execution; one of the same name and input is the same, as long as it is remembered. */
  #startOnce(request: Record<string, string>): { arn: string; execution: Execution } {
    const { stateMachineArn, name, input = '{}' } = request;
    const known = name === undefined ? undefined : this.#executions.get(executionArn(stateMachineArn, name));
    if (known) {
      if (known.input !== input) throw namedError('ExecutionAlreadyExists', `execution ${name} has another input`);
      return { arn: executionArn(stateMachineArn, name), execution: known };
    }
    const started = this.#start(request);
    this.#remember(started.arn, started.execution);
    this.#announce(started.arn);
    return started;
  }

  /** Says when the execution has ended. */
  #announce(arn: string): void {
    void this.#execution(arn).ended.then(({ status }) => this.#onEnd?.(machineArn(arn), arn, status));
  }

  #start({ stateMachineArn, name = randomUUID(), input = '{}' }: Record<string, string>): {
    arn: string;
    execution: Execution;
  } {
    const machine = this.#machine(stateMachineArn);
    try {
      checkStateSize("the execution's input", input);
    } catch (error) {
      throw namedError('ValidationException', (error as Error).message);
    }
    const arn = executionArn(stateMachineArn, name);
    return { arn, execution: this.#execute({ ...machine, arn, name }, input) };
  }

  #execute({ arn, name, definition, tasks }: Executable, input: string): Execution {
    const watch = this.#watch;
    const onEvent = watch ? { onEvent: (event: ExecutionEvent) => watch(arn, event) } : {};
    return new Execution(definition, input, { arn, name, tasks, ...onEvent });
  }
}

/** What an execution is made of. */
interface Executable {
  readonly arn: string;
  readonly name: string;
  readonly definition: Definition;
  readonly tasks: TaskFunctions;
}

/** What each Task of a definition does. @throws Error naming one that nothing does */
function tasksWith(definition: Definition, handlers: TaskHandlers): TaskFunctions {
  const tasks = [...tasksOf(definition)].map(([name, resource]) => {
    const handler = handlers.get(resource);
    if (!handler) throw new Error(`state ${name}: nothing handles ${resource} in the local cloud`);
    return [name, task(name, handler)] as const;
  });
  return Object.fromEntries(tasks);
}

function executionArn(stateMachineArn: string, name: string): string {
  return `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
}

function machineArn(arn: string): string {
  return arn.slice(0, arn.lastIndexOf(':')).replace(':execution:', ':stateMachine:');
}

/** A Task's work, its input and its result held to the limit; the result is what is left of it as JSON. */
function task(state: string, handler: (input: unknown) => Promise<unknown>) {
  return async (input: unknown) => {
    checkStateSize(`state ${state}: its input`, JSON.stringify(input));
    const output = JSON.stringify((await handler(input)) ?? null);
    checkStateSize(`state ${state}: its result`, output);
    return markMeasured(JSON.parse(output));
  };
}

function describe(
  executionArn: string,
  { startDate, input }: Execution,
  result: ExecutionResult | { readonly status: 'RUNNING' },
): object {
  const included = { included: true };
  return {
    ...{ executionArn, startDate, input, inputDetails: included, outputDetails: included, ...result },
    ...(result.status === 'RUNNING' ? {} : { stopDate: Date.now() / 1000 }),
  };
}

function namedError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}
