import fc from 'fast-check';

/** A run is repeatable by default; PROPERTY_SEED=random, or a number, looks elsewhere. */
const seed = process.env.PROPERTY_SEED ?? '20261';
if (seed !== 'random') fc.configureGlobal({ seed: Number(seed) });
