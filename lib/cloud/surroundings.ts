import { Stack } from 'aws-cdk-lib';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Construct } from 'constructs';

/** What everything in a stack goes by. */
export interface Surroundings {
  /** The account's own key for what holds data; absent where AWS's keys do. */
  readonly key?: IKey;
  /** How long logs are kept. */
  readonly logDays: number;
}

const known = new WeakMap<Stack, Surroundings>();

export function surround(stack: Stack, surroundings: Surroundings): void {
  known.set(stack, surroundings);
}

/** Of the stack that something is in, or of the one that its stack is nested in. */
export function surroundingsOf(scope: Construct): Surroundings {
  for (let stack: Stack | undefined = Stack.of(scope); stack; stack = stack.nestedStackParent) {
    const found = known.get(stack);
    if (found) return found;
  }
  throw new Error(`${scope.node.path}: its stack has no surroundings`);
}

/** The key for what holds data, if there is one. */
export function keyOf(scope: Construct): IKey | undefined {
  return surroundingsOf(scope).key;
}
