import { styleText } from 'node:util';
import { type Kind, kindOf } from '../../console/run/run.ts';
import type { StepMessage } from '../../functions/contracts/generation.ts';
import { endpointName } from '../../models/ssd2/routing.ts';
import { printable } from './printable.ts';

/** The console's hues, as near as a terminal has them. What the core would have said is as other text is. */
const colours = { core: 'reset', specialist: 'cyan', tenant: 'yellow', draft: 'magenta' } as const satisfies Record<
  Kind,
  string
>;

type Colouring = { readonly stream: NodeJS.WriteStream };

/** A block's tokens, grey where they still change, else of the colour of who moved them. */
export function colouredBlock(
  pieces: readonly string[],
  { positions, routes, changed, done }: StepMessage,
  { stream }: Colouring,
): string {
  const unsettled = new Set(done ? [] : changed);
  return pieces
    .map((piece, position) => {
      const text = printable(piece);
      if (unsettled.has(position)) return styleText('gray', text, { stream });
      const mover = positions?.[position]?.mover;
      const route = mover === undefined ? undefined : routes[mover];
      const colour = mover === undefined ? 'reset' : colours[kindOf(mover, route && endpointName(route), 'core')];
      return colour === 'reset' ? text : styleText(colour, text, { stream });
    })
    .join('');
}
