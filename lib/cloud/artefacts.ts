import { join } from 'node:path';
import { BundlingOutput, DockerImage } from 'aws-cdk-lib';
import { DockerImageAsset, Platform } from 'aws-cdk-lib/aws-ecr-assets';
import type { IGrantable } from 'aws-cdk-lib/aws-iam';
import { Asset } from 'aws-cdk-lib/aws-s3-assets';
import type { Construct } from 'constructs';
import { create } from 'tar';
import { modelFiles } from '../../models/checkpoint/model-directory.ts';
import type { FleetModel } from '../fleet.ts';

/** Something that is uploaded before the stack is deployed. */
export interface Artefact {
  /** Where SageMaker finds it. */
  readonly uri: string;
  grantRead(grantee: IGrantable): void;
}

/** What the endpoints are made of. Making it takes Docker and reads every weight, so a stack is handed it. */
export interface Artefacts {
  /** The container that serves any model. */
  image(scope: Construct): Artefact;
  /** A model's files, as SageMaker unpacks them into /opt/ml/model. */
  weights(scope: Construct, model: FleetModel): Artefact;
}

/** Artefacts that `cdk deploy` builds and uploads. */
export const builtArtefacts: Artefacts = {
  image(scope) {
    const image = new DockerImageAsset(scope, 'ServingImage', {
      directory: join(import.meta.dirname, '..', '..'),
      file: 'models/serving/Dockerfile',
      platform: Platform.LINUX_AMD64,
      // Only what the Dockerfile copies, so that nothing else changes the image's digest.
      exclude: ['*', '!package.json', '!package-lock.json', '!.npmrc', '!models', 'models/weights', 'models/training'],
    });
    return { uri: image.imageUri, grantRead: (grantee) => void image.repository.grantPull(grantee) };
  },

  weights(scope, { directory }) {
    const weights = new Asset(scope, 'Weights', {
      path: directory,
      bundling: {
        image: DockerImage.fromRegistry('unused: the archive is made without Docker'),
        outputType: BundlingOutput.ARCHIVED,
        local: {
          tryBundle(outputDirectory) {
            const options = { cwd: directory, gzip: true, portable: true, sync: true, mtime: new Date(0) } as const;
            create({ ...options, file: join(outputDirectory, 'model.tar.gz') }, Object.values(modelFiles));
            return true;
          },
        },
      },
    });
    return {
      uri: weights.s3ObjectUrl,
      grantRead: (grantee) => void weights.bucket.grantRead(grantee, weights.s3ObjectKey),
    };
  },
};
