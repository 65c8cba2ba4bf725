import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, linkSync, mkdirSync, readdirSync, readFileSync, symlinkSync } from 'node:fs';
import { basename, dirname, join, relative } from 'node:path';
import { type BuildStage, chainOf, readDockerfile } from './dockerfile.ts';

export interface Image {
  /** The folder with the image's own files, from its root; what the base image holds is not in it. */
  readonly root: string;
  readonly baseImage: string;
  readonly workingDirectory: string;
  readonly user: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly entryPoint: readonly string[];
  readonly command: readonly string[];
}

export interface Build {
  /** What `docker build` is handed. */
  readonly context: string;
  readonly dockerfile: string;
  readonly arguments: Readonly<Record<string, string>>;
  /** Where packages are installed, which `npm ci` takes here. */
  readonly packages: string;
}

/** Does what a Dockerfile says, in folders, with the packages that are installed here in place of a registry's. */
export function buildImage(build: Build, folder: string): Image {
  const stages = readDockerfile(readFileSync(join(build.context, build.dockerfile), 'utf8'), build.arguments);
  const made = new Map<string, Image>();
  const makeFrom = (name: string): Image => {
    const known = made.get(name);
    if (known) return known;
    const stage = stages.findLast((each) => each.name === name);
    const image = stage ? make(stage) : emptyImage(name, join(folder, basename(name).replaceAll(/\W/g, '-')));
    made.set(name, image);
    return image;
  };
  const make = ({ from, name, instructions }: BuildStage): Image => {
    const root = join(folder, `stage-${name}`);
    let image: Image = { ...makeFrom(from), root };
    linkTree(makeFrom(from).root, root);
    for (const { keyword, text } of instructions) {
      const at = join(root, image.workingDirectory);
      mkdirSync(at, { recursive: true });
      if (keyword === 'WORKDIR') image = { ...image, workingDirectory: text };
      else if (keyword === 'USER') image = { ...image, user: text };
      else if (keyword === 'ENV')
        image = { ...image, environment: { ...image.environment, ...variables(text, image) } };
      else if (keyword === 'ENTRYPOINT') image = { ...image, entryPoint: JSON.parse(text) };
      else if (keyword === 'CMD') image = { ...image, command: JSON.parse(text) };
      else if (keyword === 'RUN') run(text, at, build.packages);
      else if (keyword === 'COPY') {
        const [, stage, paths] = /^(?:--from=(\S+)\s+)?(.*)$/.exec(text) ?? [];
        const [to, ...sources] = paths.split(/\s+/).toReversed();
        const source = stage === undefined ? build.context : makeFrom(stage).root;
        for (const each of sources) copy(join(source, each), join(at, to), to.endsWith('/'));
      } else if (keyword !== 'EXPOSE') throw new Error(`${keyword} is not known here`);
    }
    return image;
  };
  return makeFrom(chainOf(stages).stages.at(-1)?.name as string);
}

function emptyImage(baseImage: string, root: string): Image {
  mkdirSync(root, { recursive: true });
  const environment = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' };
  return { root, baseImage, environment, workingDirectory: '/', user: '0:0', entryPoint: [], command: [] };
}

function variables(text: string, { environment }: Image): Record<string, string> {
  const filled = text.replaceAll(/\$(\w+)/g, (_, name) => environment[name] ?? '');
  return Object.fromEntries(filled.split(/\s+/).map((pair) => pair.split(/=(.*)/).slice(0, 2)));
}

function run(command: string, at: string, packages: string): void {
  if (/\bnpm ci\b/.test(command)) installFrom(packages, at);
  else execFileSync('sh', ['-ec', command], { cwd: at });
}

interface LockedPackage {
  readonly dev?: boolean;
  readonly bin?: Readonly<Record<string, string>>;
}

/** What `npm ci --omit=dev` leaves, for this platform. */
function installFrom(packages: string, at: string): void {
  const lock = JSON.parse(readFileSync(join(at, 'package-lock.json'), 'utf8'));
  const present = readdirSync(packages);
  for (const [path, { dev, bin = {} }] of Object.entries<LockedPackage>(lock.packages)) {
    const name = path.replace(/^node_modules\//, '');
    if (path === '' || dev || !present.includes(name.split('/')[0])) continue;
    // One that is for another platform was not installed.
    linkTree(join(packages, name), join(at, path), ({ name }) => name !== 'node_modules');
    if (name.includes('/node_modules/')) continue;
    const links = join(at, 'node_modules', '.bin');
    mkdirSync(links, { recursive: true });
    for (const [command, file] of Object.entries(bin)) {
      symlinkSync(relative(links, join(at, path, file)), join(links, command));
    }
  }
}

function copy(from: string, to: string, into: boolean): void {
  const source = from.endsWith('/') ? from.slice(0, -1) : from;
  const isFolder = readdirOrNothing(source) !== undefined;
  if (isFolder) linkTree(source, to);
  else linkFile(source, into ? join(to, basename(source)) : to);
}

/** A folder's files as links to the same bytes: nothing here changes a file in place. */
function linkTree(from: string, to: string, wanted: (entry: { readonly name: string }) => boolean = () => true): void {
  const entries = readdirOrNothing(from);
  if (!entries) return;
  mkdirSync(to, { recursive: true });
  for (const entry of entries.filter(wanted)) {
    const [source, target] = [join(from, entry.name), join(to, entry.name)];
    if (entry.isDirectory()) linkTree(source, target);
    else if (entry.isSymbolicLink()) cpSync(source, target, { verbatimSymlinks: true });
    else linkFile(source, target);
  }
}

function readdirOrNothing(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return undefined;
  }
}

function linkFile(from: string, to: string): void {
  mkdirSync(dirname(to), { recursive: true });
  try {
    linkSync(from, to);
  } catch {
    copyFileSync(from, to);
  }
}
