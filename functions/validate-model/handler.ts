import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModel, packModel } from '../../models/checkpoint/model-archive.ts';
import { ngramFile } from '../../models/ngram/ngram-config.ts';
import { NgramModel } from '../../models/ngram/ngram-model.ts';
import { deployInputSchema } from '../contracts/registered-model.ts';
import { setting } from '../shared/environment.ts';
import { InvalidModel } from '../shared/errors.ts';
import { lambdaHandler } from '../shared/lambda.ts';
import { archiveKey, fetchUpload, storeModel } from '../shared/models/model-store.ts';
import { changeModel, getModel } from '../shared/models/registered.ts';

/** Of a model's files: what a function's disk takes twice. */
const limit = 2 ** 30;

/** What SageMaker is told of a model that is in order. */
interface Validated {
  readonly modelData: string;
}

/** Unpacks and checks a model that was sent, and puts it where SageMaker reads it: nothing is paid for before that. */
export const handler = lambdaHandler(
  deployInputSchema,
  async ({ tenant, id, component, endpoint }): Promise<Validated> => {
    const record = await getModel(tenant, id);
    if (!record) throw new InvalidModel(`model ${id}: there is none`);
    const folder = await mkdtemp(join(tmpdir(), 'slingshot-model-'));
    try {
      const [sent, packed] = [join(folder, 'sent.tar'), join(folder, 'model.tar.gz')];
      await fetchUpload(tenant, record.upload, sent);
      const core = { name: 'core', directory: setting('SLINGSHOT_MODEL_DIRECTORY') };
      const { directory, config, version, bytes } = await openModel(sent, folder, core, limit).catch(refuse);
      if (config.kind === 'ngram') await NgramModel.load(join(directory, ngramFile)).catch(refuse);
      await packModel(directory, packed);
      const modelData = await storeModel(archiveKey(tenant, id), packed);
      await changeModel(tenant, id, {
        ...{ status: 'deploying', kind: config.kind, bytes },
        endpoint: { endpoint, component, version },
      });
      return { modelData };
    } finally {
      await rm(folder, { recursive: true });
    }
  },
);

function refuse(cause: Error): never {
  // What is said of it names it as its sender does.
  throw new InvalidModel(cause.message.replaceAll(/\S*slingshot-model-[^/]*\/model/g, 'the model'), { cause });
}
