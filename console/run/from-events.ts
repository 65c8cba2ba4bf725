import type { Frame, Run, RunStatus } from './run.ts';

/** An event of a generation, as the API tells it. */
export interface GenerationEvent {
  readonly event: string;
  readonly data: string;
}

interface StepChoice extends Omit<Frame, 'at'> {
  readonly index: number;
}

/**
 * A run once an event has come: pure, so that the same events give the same run whenever they come.
 *
 * @param at milliseconds since the text was asked for
 * @param lane which of the generation's texts it is
 */
export function withEvent(run: Run, { event, data }: GenerationEvent, at: number, lane = 0): Run {
  if (event === 'step') {
    const choice = (JSON.parse(data).choices as StepChoice[]).find(({ index }) => index === lane);
    return choice ? { ...run, frames: [...run.frames, frameOf(choice, at)] } : run;
  }
  if (event === 'commit') {
    const { block, choices, degraded } = JSON.parse(data) as {
      block: number;
      degraded?: { tenantBlocks: number };
      choices: { index: number; text: string; tokens: number }[];
    };
    const choice = choices.find(({ index }) => index === lane);
    if (!choice) return run;
    return {
      ...run,
      commits: [...run.commits, { block, text: choice.text, tokens: choice.tokens }],
      ...(degraded ? { coreFrom: degraded.tenantBlocks } : {}),
    };
  }
  if (event === 'done' || event === 'error') {
    const { status, error } = JSON.parse(data) as { status: RunStatus; error: { message: string } | null };
    return { ...run, status, error: error?.message ?? null };
  }
  return run;
}

function frameOf(choice: StepChoice, at: number): Frame {
  const { block, step, t, tokens, changed, settled, done, probabilities, entropy, routes, milliseconds } = choice;
  return {
    ...{ block, step, t, tokens, changed, settled, done, probabilities, entropy, routes, milliseconds, at },
    ...(choice.positions ? { positions: choice.positions } : {}),
  };
}
