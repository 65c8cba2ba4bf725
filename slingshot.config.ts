import type { SlingshotConfig } from './lib/config/schema.ts';

/** What is deployed, and where: docs/deploying.md says what there is to set; all else is as usual. */
const config: SlingshotConfig = {
  stages: {
    dev: {},
  },
};

export default config;
