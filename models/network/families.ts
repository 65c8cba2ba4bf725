import type { BaseShape } from './base-shape.ts';
import type { Family } from './family.ts';
import { llama } from './llama.ts';
import { opt } from './opt.ts';

export function familyOf(shape: BaseShape): Family {
  return shape.family === 'llama' ? llama(shape) : opt(shape);
}
