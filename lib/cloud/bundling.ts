import { OutputFormat } from 'aws-cdk-lib/aws-lambda-nodejs';

/** How functions are bundled: by ES modules where there are any, of which what is not used is left out. */
export const bundling = {
  format: OutputFormat.ESM,
  target: 'node24',
  minify: true,
  sourceMap: true,
  mainFields: ['module', 'main'],
  // The ES module bundle of a CommonJS dependency still calls require.
  banner: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);",
};

/** Functions that a denoise step waits for when they start cold. */
const waitedFor = ['invoke-model', 'reduce', 'denoise-visit'];

/**
 * What is not bundled with a function: what has a native part, and is copied beside it; and the SDK's clients, of which the
 * runtime has a copy. That takes a third longer to load than a bundled one, so it is for functions alone that no step
 * waits for: bundling takes time, too.
 */
export function notBundled(folder: string): string[] {
  return ['tokenizers', ...(waitedFor.includes(folder) ? [] : ['@aws-sdk/*'])];
}
