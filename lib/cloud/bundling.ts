import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buildSync } from 'esbuild';

const functions = join(import.meta.dirname, '..', '..', 'functions');
/** A bundle's file in its function's folder. */
export const bundleFile = 'index.mjs';

/** Functions that a denoise step waits for when they start cold. */
const waitedFor = ['invoke-model', 'reduce', 'denoise-visit'];

/**
 * Writes a folder of each function's name with its bundle, all in one run of esbuild: by ES modules where there are any,
 * of which what is not used is left out.
 */
export function bundleFunctions(folders: readonly string[], outdir: string): void {
  // The runtime has a copy of the SDK's clients, which takes a third longer to load than a bundled one.
  for (const clients of ['bundled', 'the runtime’s']) {
    const some = folders.filter((folder) => waitedFor.includes(folder) === (clients === 'bundled'));
    if (some.length === 0) continue;
    buildSync({
      entryPoints: some.map((folder) => ({ in: join(functions, folder, 'handler.ts'), out: `${folder}/index` })),
      ...{ outdir, bundle: true, platform: 'node', format: 'esm', target: 'node24', outExtension: { '.js': '.mjs' } },
      ...{ minify: true, sourcemap: true, mainFields: ['module', 'main'], logLevel: 'error' },
      // What has a native part is copied beside the bundle.
      external: ['tokenizers', ...(clients === 'bundled' ? [] : ['@aws-sdk/*'])],
      // The ES module bundle of a CommonJS dependency still calls require.
      banner: { js: "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);" },
    });
  }
}

let bundles: string | undefined;

/** The folder with a function's bundle. All functions' are made when the first is asked for, and gone with the process. */
export function bundleOf(folder: string): string {
  if (bundles === undefined) {
    const made = mkdtempSync(join(tmpdir(), 'slingshot-bundles-'));
    bundles = made;
    process.once('exit', () => rmSync(made, { recursive: true, force: true }));
    bundleFunctions(
      readdirSync(functions).filter((each) => existsSync(join(functions, each, 'handler.ts'))),
      made,
    );
  }
  return join(bundles, folder);
}
