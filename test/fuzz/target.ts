/** Something that takes bytes from elsewhere, and either reads them or says what is wrong with them. */
export interface Target {
  readonly name: string;
  /** Its share of all inputs. */
  readonly share: number;
  /** Good inputs, which the bad ones are made of. */
  readonly good: readonly Uint8Array[];
  /** @returns whether it took the input; throws a Fault when it neither took nor refused it properly */
  readonly take: (bytes: Buffer) => Promise<boolean> | boolean;
  readonly close?: () => Promise<void>;
}

/** An input that was neither read nor refused by name. */
export class Fault extends Error {
  override name = 'Fault';
}

type ErrorClass = new (...args: never[]) => Error;

/** What the engine says of itself when a program does not look first. */
const engineErrors =
  /^(Invalid array length|Invalid typed array length|Array buffer allocation failed|Maximum call stack size exceeded|offset is out of bounds|Offset is outside|Invalid string length|The value of "|.* is not a (function|constructor)|.* is not iterable|Cannot (read|convert|mix|destructure))/;

/**
 * A reader as a target's `take`: refusing is throwing an error of one of the classes.
 *
 * @throws Fault for any other error, and for one that is the engine's own in disguise
 */
export function refusing(read: (bytes: Buffer) => unknown, ...refusals: readonly ErrorClass[]): Target['take'] {
  return async (bytes) => {
    try {
      await read(bytes);
      return true;
    } catch (error) {
      const { name, message, stack } = error as Error;
      // Every error is an Error: where that is what a reader throws, its subclasses are not meant.
      const own = refusals.some((refusal) =>
        refusal === Error ? (error as Error).constructor === Error : error instanceof refusal,
      );
      if (own && !engineErrors.test(message)) return false;
      throw new Fault(`${name}: ${message}`, { cause: stack });
    }
  };
}
