import { createWriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { GetObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { extract } from 'tar';
import { linkBase } from '../../models/checkpoint/model-archive.ts';
import { makeFolder } from '../../models/files/make-folder.ts';
import { endpointName } from '../../models/ssd2/routing.ts';
import type { LongCredentials } from './iam/identities.ts';
import type { ModelProcess } from './model-process.ts';

export interface LocalComponentsOptions {
  /** Of the containers behind endpoints, which components are added to and taken from. */
  readonly endpoints: Map<string, string>;
  /** Where the components' models are unpacked: a folder each, under the component's name. */
  readonly folder: string;
  /** The core's folder, whose base stands beside theirs. */
  readonly core: string;
  readonly credentials: LongCredentials;
  readonly start: (model: { readonly name: string; readonly directory: string }) => Promise<ModelProcess>;
}

interface Component {
  readonly target: string;
  status: 'InService' | 'Failed';
  reason?: string;
  process?: ModelProcess;
}

type Input = Readonly<Record<string, never>>;

/** Between a component's name and its endpoint's in the name of its folder. */
const separator = '@';
/** What the name of a folder ends with that is being unpacked. */
const unfinished = '.part';

/** What SageMaker does of inference components, for the state machine that deploys tenants' own models. */
export class LocalComponents {
  readonly #options: LocalComponentsOptions;
  /** Archives of models, by name. */
  readonly #models = new Map<string, string>();
  readonly #components = new Map<string, Component>();

  constructor(options: LocalComponentsOptions) {
    this.#options = options;
  }

  /**
   * Starts those that were there when the service stopped. One that does not start has failed, and the others are served;
   * one that was being unpacked never was.
   */
  async restore(): Promise<void> {
    const { folder } = this.#options;
    const names = await readdir(folder).catch(() => []);
    await Promise.all(
      names
        .filter((name) => name.includes(separator))
        .map(async (name) => {
          const [component, endpoint] = name.split(separator);
          const path = join(folder, name);
          if (name.endsWith(unfinished)) return rm(path, { recursive: true });
          await this.#serve(component, endpoint, path).catch((error) => this.#fail(component, error));
        }),
    );
  }

  #fail(component: string, { message: reason }: Error): void {
    this.#components.set(component, { target: '', status: 'Failed', reason });
  }

  /** The SDK integrations of the definitions, by resource. */
  tasks(): [string, (input: unknown) => Promise<unknown>][] {
    const acts = {
      createModel: this.#createModel,
      createInferenceComponent: this.#createComponent,
      describeInferenceComponent: this.#describe,
      deleteInferenceComponent: this.#delete,
      deleteModel: this.#deleteModel,
    };
    return Object.entries(acts).map(([name, act]) => [
      `arn:aws:states:::aws-sdk:sagemaker:${name}`,
      async (input) => act.call(this, input as Input),
    ]);
  }

  async #createModel({ ModelName, PrimaryContainer }: Input) {
    this.#models.set(ModelName, (PrimaryContainer as { ModelDataUrl: string }).ModelDataUrl);
    return { ModelArn: ModelName };
  }

  /** Answers when the component is there or has failed, which the service does not wait for. */
  async #createComponent({ InferenceComponentName: name, EndpointName: endpoint, Specification }: Input) {
    if (this.#components.has(name)) throw named('ValidationException', `there is a component ${name} already`);
    const archive = this.#models.get((Specification as { ModelName: string }).ModelName);
    if (archive === undefined) throw named('ValidationException', `component ${name}: there is no such model`);
    const folder = join(this.#options.folder, `${name}${separator}${endpoint}`);
    try {
      await this.#unpack(archive, folder);
      await this.#serve(name, endpoint, folder);
    } catch (error) {
      this.#fail(name, error as Error);
      await rm(folder, { recursive: true, force: true });
    }
    return { InferenceComponentArn: name };
  }

  async #describe({ InferenceComponentName: name }: Input) {
    const component = this.#known(name);
    const { status: InferenceComponentStatus, reason } = component;
    return {
      InferenceComponentName: name,
      InferenceComponentStatus,
      ...(reason === undefined ? {} : { FailureReason: reason }),
    };
  }

  async #delete({ InferenceComponentName: name }: Input) {
    const { target, process } = this.#known(name);
    this.#options.endpoints.delete(target);
    this.#components.delete(name);
    await process?.stop();
    for (const folder of await readdir(this.#options.folder)) {
      if (folder.startsWith(`${name}${separator}`)) await rm(join(this.#options.folder, folder), { recursive: true });
    }
    return {};
  }

  async #deleteModel({ ModelName }: Input) {
    this.#models.delete(ModelName);
    return {};
  }

  #known(name: string): Component {
    const component = this.#components.get(name);
    if (!component) throw named('ValidationException', `Could not find inference component ${name}`);
    return component;
  }

  async #unpack(archive: string, whole: string): Promise<void> {
    const [, bucket, key] = /^s3:\/\/([^/]+)\/(.+)$/.exec(archive) ?? [];
    const folder = `${whole}${unfinished}`;
    const directory = join(folder, 'model');
    await makeFolder(this.#options.folder);
    await rm(folder, { recursive: true, force: true });
    await mkdir(directory, { recursive: true });
    const client = new S3Client({ credentials: this.#options.credentials, forcePathStyle: true });
    const { Body } = await client.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
    const path = join(folder, 'model.tar.gz');
    await pipeline(Body as NodeJS.ReadableStream, createWriteStream(path));
    await extract({ file: path, cwd: directory, strict: true });
    await rm(path);
    await linkBase(this.#options.core, folder);
    await rename(folder, whole);
  }

  async #serve(component: string, endpoint: string, folder: string): Promise<void> {
    const process = await this.#options.start({ name: component, directory: join(folder, 'model') });
    const target = endpointName({ endpoint, component });
    this.#options.endpoints.set(target, process.url);
    this.#components.set(component, { target, status: 'InService', process });
  }
}

function named(name: string, message: string): Error {
  return Object.assign(new Error(message), { name: `SageMaker.${name}` });
}
