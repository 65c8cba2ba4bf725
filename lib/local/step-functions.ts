import { randomUUID } from 'node:crypto';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { StateMachine } from 'aws-local-stepfunctions';
import { type LocalStateMachine, tasksOf } from './definitions.ts';
import { close, listen } from './listen.ts';
import type { LocalService } from './service.ts';

/** What a Task's resource does, by resource ARN. */
export type TaskHandlers = ReadonlyMap<string, (input: unknown) => Promise<unknown>>;

/** Step Functions' limit on a state's input and output. */
const stateLimitBytes = 262_144;

type Result =
  | { status: 'RUNNING' }
  | { status: 'SUCCEEDED'; output: string }
  | { status: 'FAILED'; error: string; cause: string };

/** Step Functions on loopback. */
export async function startStepFunctions(
  machines: Iterable<LocalStateMachine>,
  handlers: TaskHandlers,
): Promise<LocalService> {
  const server = new LocalStepFunctions(machines, handlers).server();
  return { environment: { AWS_ENDPOINT_URL_SFN: await listen(server) }, stop: () => close(server) };
}

/** Runs state machines and answers the Step Functions API for them on loopback. */
export class LocalStepFunctions {
  readonly #machines = new Map<string, { machine: StateMachine; source: LocalStateMachine }>();
  readonly #executions = new Map<string, { startDate: number; result: Result; abort: () => void }>();
  readonly #handlers: TaskHandlers;

  /** @throws Error when a Task has no handler: the interpreter would call the real service */
  constructor(machines: Iterable<LocalStateMachine>, handlers: TaskHandlers) {
    this.#handlers = handlers;
    for (const source of machines) {
      for (const [name, resource] of tasksOf(source.definition)) {
        if (!handlers.has(resource)) throw new Error(`state ${name}: nothing handles ${resource} in the local cloud`);
      }
      const machine = new StateMachine(source.definition as never, { validationOptions: { checkArn: false } });
      this.#machines.set(source.arn, { machine, source });
    }
  }

  /** The API over HTTP: StartExecution, StartSyncExecution, DescribeExecution, StopExecution. */
  server(): Server {
    return createServer(async (request, response) => {
      const action = String(request.headers['x-amz-target']).split('.')[1];
      try {
        const body = await this.#act(action, JSON.parse(await text(request)));
        response.writeHead(200, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify(body));
      } catch (error) {
        response.writeHead(400, { 'content-type': 'application/x-amz-json-1.0' });
        response.end(JSON.stringify({ __type: (error as Error).name, message: (error as Error).message }));
      }
    });
  }

  async #act(action: string, input: Record<string, string>): Promise<object> {
    switch (action) {
      case 'StartExecution': {
        const { executionArn } = this.#start(input);
        return { executionArn, startDate: this.#execution(executionArn).startDate };
      }
      case 'StartSyncExecution': {
        const { executionArn, finished } = this.#start(input);
        const result = await finished;
        const { startDate } = this.#execution(executionArn);
        this.#executions.delete(executionArn);
        return { executionArn, startDate, stopDate: Date.now() / 1000, ...result };
      }
      case 'DescribeExecution': {
        const { startDate, result } = this.#execution(input.executionArn);
        return { executionArn: input.executionArn, startDate, ...result };
      }
      case 'StopExecution':
        this.#execution(input.executionArn).abort();
        return { stopDate: Date.now() / 1000 };
      default:
        throw namedError('UnknownOperationException', `the local cloud does not do ${action}`);
    }
  }

  #execution(arn: string) {
    const execution = this.#executions.get(arn);
    if (!execution) throw namedError('ExecutionDoesNotExist', `no execution ${arn}`);
    return execution;
  }

  #start({ stateMachineArn, input }: Record<string, string>) {
    const found = this.#machines.get(stateMachineArn);
    if (!found) throw namedError('StateMachineDoesNotExist', `no state machine ${stateMachineArn}`);
    const name = randomUUID();
    const executionArn = `${stateMachineArn.replace(':stateMachine:', ':execution:')}:${name}`;
    const taskResourceLocalHandlers = Object.fromEntries(
      [...tasksOf(found.source.definition)].map(([state, resource]) => [state, this.#task(state, resource)]),
    );
    const run = found.machine.run(JSON.parse(input || '{}'), {
      overrides: { taskResourceLocalHandlers },
      context: { Execution: { Id: executionArn, Name: name } },
    });
    const execution = { startDate: Date.now() / 1000, result: { status: 'RUNNING' } as Result, abort: run.abort };
    this.#executions.set(executionArn, execution);
    const finished = run.result.then(
      (output): Result => ({ status: 'SUCCEEDED', output: JSON.stringify(output) }),
      (error: Error): Result => failure(error),
    );
    void finished.then((result) => {
      execution.result = result;
    });
    return { executionArn, finished };
  }

  /** A Task's work, with its input and output held to the size that the service would hold them to. */
  #task(state: string, resource: string) {
    const handler = this.#handlers.get(resource);
    return async (input: unknown) => {
      const output = JSON.stringify((await handler?.(input)) ?? null);
      if (output.length > stateLimitBytes) {
        const message = `state ${state}: its output has ${output.length} bytes, Step Functions lets ${stateLimitBytes} pass`;
        throw namedError('States.DataLimitExceeded', message);
      }
      return JSON.parse(output);
    };
  }
}

function failure(error: Error): Result {
  const cause = error.cause instanceof Error ? error.cause : error;
  return { status: 'FAILED', error: cause.name, cause: cause.message };
}

function namedError(name: string, message: string): Error {
  return Object.assign(new Error(message), { name });
}

async function text(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}
