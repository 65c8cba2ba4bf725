import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/property-seed.ts'],
    // Many tests wait for processes of their own; left to itself the runner takes one worker on two cores.
    maxWorkers: '100%',
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // A machine that does other work besides is slow, and not wrong.
    expect: { poll: { timeout: 10_000 } },
  },
});
