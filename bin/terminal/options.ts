import { InvalidArgumentError } from 'commander';

/** Parsers for commander's options: each names what it expects. */
function parser(expected: string, accept: (value: number) => boolean): (text: string) => number {
  return (text) => {
    const value = Number(text);
    if (text.trim() === '' || !accept(value)) throw new InvalidArgumentError(`Expected ${expected}.`);
    return value;
  };
}

export const share = parser('a number from 0 to 1', (value) => value >= 0 && value <= 1);
export const positiveShare = parser('a number above 0, up to 1', (value) => value > 0 && value <= 1);
export const nonNegative = parser('a number of 0 or more', (value) => value >= 0 && Number.isFinite(value));
export const positive = parser('a number above 0', (value) => value > 0 && Number.isFinite(value));
export const count = parser('a whole number of 1 or more', (value) => Number.isSafeInteger(value) && value >= 1);
export const seed = parser('a whole number of 0 or more', (value) => Number.isSafeInteger(value) && value >= 0);

export function shares(text: string): number[] {
  return text.split(',').map(share);
}
