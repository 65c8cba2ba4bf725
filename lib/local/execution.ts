import { StateMachine } from 'aws-local-stepfunctions';
import { checkStateSize, isMeasured } from './state-limit.ts';
import { type Definition, withoutUsualLimits } from './states-language.ts';

type Run = ReturnType<StateMachine['run']>;
type RunOptions = NonNullable<Parameters<StateMachine['run']>[1]>;

/** What the interpreter tells of an execution. */
export type ExecutionEvent = Run['eventLogs'] extends AsyncIterable<infer Event> ? Event : never;

/** What a Task does, by its state's name. */
export type TaskFunctions = NonNullable<NonNullable<RunOptions['overrides']>['taskResourceLocalHandlers']>;

export type ExecutionResult =
  | { readonly status: 'SUCCEEDED'; readonly output: string }
  | { readonly status: 'FAILED'; readonly error: string; readonly cause: string }
  | { readonly status: 'TIMED_OUT' | 'ABORTED' };

export interface ExecutionOptions {
  readonly arn: string;
  readonly name: string;
  readonly tasks: TaskFunctions;
  /** Sees everything that the history would. */
  readonly onEvent?: (event: ExecutionEvent) => void;
}

/** A place to start again from. */
interface Place {
  readonly state: string;
  readonly input: unknown;
}

/** One run of a state machine, with what passes between its states held to the service's limit. */
export class Execution {
  readonly startDate = Date.now() / 1000;
  readonly input: string;
  readonly #definition: Definition;
  readonly #options: ExecutionOptions;
  #redrives = 0;
  #entered: Place | undefined;
  #result: ExecutionResult | undefined;
  #abort = () => {};
  #isAborted = false;
  ended: Promise<ExecutionResult>;

  constructor(definition: Definition, input: string, options: ExecutionOptions) {
    this.input = input;
    this.#definition = withoutUsualLimits(definition);
    this.#options = options;
    this.ended = this.#run(this.#definition);
  }

  get result(): ExecutionResult | { readonly status: 'RUNNING' } {
    return this.#result ?? { status: 'RUNNING' };
  }

  /** The state that it is in, or was in last. */
  get state(): string | undefined {
    return this.#entered?.state;
  }

  /** Whether it was stopped from outside. */
  get isAborted(): boolean {
    return this.#isAborted;
  }

  abort(): void {
    this.#isAborted = true;
    this.#abort();
  }

  /** Starts again at the state that the execution ended in, as RedriveExecution does. */
  redrive(): void {
    const place = this.#entered;
    if (!place || !this.#result || this.#result.status === 'SUCCEEDED') {
      throw Object.assign(new Error('the execution did not fail'), { name: 'ExecutionNotRedrivable' });
    }
    this.#redrives++;
    this.#isAborted = false;
    this.#result = undefined;
    // The execution's own input stays what it was; that of the state comes back by a state of its own.
    const again = { Type: 'Pass', Result: place.input, Next: place.state };
    const { States } = this.#definition;
    this.ended = this.#run({ ...this.#definition, StartAt: '(redrive)', States: { ...States, '(redrive)': again } });
  }

  async #run(definition: Definition): Promise<ExecutionResult> {
    const { arn, name, tasks } = this.#options;
    const machine = new StateMachine(definition as never, { validationOptions: { noValidate: true } });
    const run = machine.run(JSON.parse(this.input), {
      overrides: { taskResourceLocalHandlers: tasks },
      context: { Execution: { Id: arn, Name: name, Input: JSON.parse(this.input), RedriveCount: this.#redrives } },
    });
    this.#abort = run.abort;
    const [result, tooLarge] = await Promise.all([
      run.result.then(
        (output): ExecutionResult => ({ status: 'SUCCEEDED', output: JSON.stringify(output) }),
        (error: Error) => failure(error),
      ),
      this.#watch(run.eventLogs, run.abort),
    ]);
    this.#abort = () => {};
    this.#result = tooLarge ?? result;
    // What is kept of it is for redriving.
    if (this.#result.status === 'SUCCEEDED') this.#entered = undefined;
    return this.#result;
  }

  /** Follows the events; gives a failure when a state's output was too large, which ends the execution. */
  async #watch(events: AsyncIterable<ExecutionEvent>, abort: () => void): Promise<ExecutionResult | undefined> {
    let failed: ExecutionResult | undefined;
    for await (const event of events) {
      this.#options.onEvent?.(event);
      if (event.type === 'StateEntered' && event.index === undefined) {
        this.#entered = { state: event.state.name, input: event.state.input };
      }
      // A Choice's output is its input, which was another state's output; a Task's may be its result.
      if (event.type !== 'StateExited' || event.state.type === 'Choice' || failed) continue;
      if (isMeasured(event.state.output)) continue;
      try {
        checkStateSize(`state ${event.state.name}: its output`, JSON.stringify(event.state.output));
      } catch (error) {
        failed = failure(error as Error);
        abort();
      }
    }
    return failed;
  }
}

function failure(error: Error): ExecutionResult {
  if (error.name === 'ExecutionTimeoutError') return { status: 'TIMED_OUT' };
  if (error.name === 'ExecutionAbortedError') return { status: 'ABORTED' };
  const cause = error.cause instanceof Error && error.name === 'ExecutionError' ? error.cause : error;
  return { status: 'FAILED', error: cause.name, cause: cause.message };
}
