import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AssetHashType, BundlingOutput, DockerImage } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { create } from 'tar';
import type { Catalog } from '../../functions/contracts/catalog.ts';
import type { FleetModel } from '../fleet.ts';

/** Something that is uploaded before the stack is deployed. */
export interface Artefact {
  readonly uri: string;
  /** What a role must be allowed in order to read it, and nothing else. */
  readonly mayRead: readonly PolicyStatement[];
}

/** What a stack refers to. Making it takes Docker and reads every weight, so a stack is handed it. */
export interface Artefacts {
  /** The container that serves any model, on GPUs or without. */
  image(scope: Construct, provider: 'cuda' | 'cpu'): Artefact;
  /** The files of a process' models, as SageMaker unpacks them into /opt/ml/model; several share a base. */
  weights(scope: Construct, models: readonly FleetModel[]): Artefact;
  /** Who serves what, as JSON. */
  catalog(scope: Construct, catalog: Catalog): Artefact;
}

/** Artefacts that `cdk deploy` builds and uploads. */
export const builtArtefacts: Artefacts = {
  image(scope, provider) {
    const directory = join(import.meta.dirname, '..', '..');
    const file = 'models/serving/Dockerfile';
    const { imageUri, repository } = new DockerImageAsset(scope, `ServingImage-${provider}`, {
      ...{ directory, file, platform: Platform.LINUX_AMD64, buildArgs: { VARIANT: provider } },
      // Docker reads it itself where it is the one that builds, the CDK reads none of this name.
      exclude: readFileSync(join(directory, `${file}.dockerignore`), 'utf8')
        .trim()
        .split('\n'),
    });
    return {
      uri: imageUri,
      mayRead: [
        new PolicyStatement({
          actions: ['ecr:BatchCheckLayerAvailability', 'ecr:GetDownloadUrlForLayer', 'ecr:BatchGetImage'],
          resources: [repository.repositoryArn],
        }),
        new PolicyStatement({ actions: ['ecr:GetAuthorizationToken'], resources: ['*'] }),
      ],
    };
  },

  weights(scope, models) {
    const [{ directory, files }] = models;
    const all = new Set(models.flatMap((model) => model.files.all.files));
    return stored(
      new Asset(scope, 'Weights', {
        path: directory,
        // Of the archive itself: a base that it takes along lies elsewhere.
        assetHashType: AssetHashType.OUTPUT,
        bundling: {
          image: DockerImage.fromRegistry('unused: the archive is made without Docker'),
          outputType: BundlingOutput.ARCHIVED,
          local: {
            tryBundle(outputDirectory) {
              // Weights hardly get smaller, and would take seconds.
              const gzip = { level: 0 };
              const options = { cwd: files.all.root, gzip, portable: true, sync: true, mtime: new Date(0) } as const;
              create({ ...options, file: join(outputDirectory, 'model.tar.gz') }, [...all]);
              return true;
            },
          },
        },
      }),
    );
  },

  catalog(scope, catalog) {
    const folder = mkdtempSync(join(tmpdir(), 'slingshot-catalog-'));
    try {
      const path = join(folder, 'catalog.json');
      writeFileSync(path, JSON.stringify(catalog));
      return stored(new Asset(scope, 'Catalog', { path }));
    } finally {
      rmSync(folder, { recursive: true });
    }
  },
};

function stored({ s3ObjectUrl, s3ObjectKey, bucket }: Asset): Artefact {
  const statement = new PolicyStatement({ actions: ['s3:GetObject'], resources: [bucket.arnForObjects(s3ObjectKey)] });
  return { uri: s3ObjectUrl, mayRead: [statement] };
}
