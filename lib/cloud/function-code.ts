import { cpSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { ServedFiles } from '../../models/checkpoint/served-model.ts';
import { bundleOf } from './bundling.ts';

const root = join(import.meta.dirname, '..', '..');
/** The tokenizer's native module for Lambda's platform only: the npm package carries it for thirteen. */
const tokenizerFiles = ['package.json', 'index.js', 'tokenizers.linux-x64-gnu.node'];

/**
 * A function's package: its bundle, and with it, where it reads texts, the tokenizer's code and the files of a model.
 *
 * @param folder under functions/
 */
export function functionCode(folder: string, tokenizerOf?: ServedFiles): Code {
  return Code.fromAsset(join(root, 'functions', folder), {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('unused: bundles are made without Docker'),
      local: {
        tryBundle(output) {
          cpSync(bundleOf(folder), output, { recursive: true });
          if (!tokenizerOf) return true;
          for (const file of tokenizerFiles) {
            cpSync(join(root, 'node_modules/tokenizers', file), join(output, 'node_modules/tokenizers', file));
          }
          for (const file of tokenizerOf.files) cpSync(join(tokenizerOf.root, file), join(output, 'model', file));
          return true;
        },
      },
    },
  });
}
