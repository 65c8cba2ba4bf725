import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { sentences, tinyFleet } from '../../support/tiny-fleet.ts';
import { tinyRecipeJson } from '../../support/training.ts';

const root = join(import.meta.dirname, '..', '..', '..');
const run = promisify(execFile);

let tiny: Awaited<ReturnType<typeof tinyFleet>>;
let work: string;
beforeAll(async () => {
  tiny = await tinyFleet();
  work = await mkdtemp(join(tmpdir(), 'slingshot-silent-'));
  await writeFile(join(work, 'text.jsonl'), `${JSON.stringify({ text: sentences.join(' ').repeat(12) })}\n`.repeat(2));
  await writeFile(join(work, 'recipe.yaml'), tinyRecipeJson());
});
afterAll(async () => {
  await tiny.remove();
  await rm(work, { recursive: true });
});

/** Runs the program as a user with nothing set would, and lists what it left in that user's folders. */
async function leftBehind(name: string, ...args: string[]): Promise<string[]> {
  const [home, temporary] = [join(work, name, 'home'), join(work, name, 'tmp')];
  for (const folder of [home, temporary]) await mkdir(folder, { recursive: true });
  // Continuous integration switches the reporting off, and so would the setting that a test's own process has.
  const { CI, ORT_DISABLE_TELEMETRY, XDG_CACHE_HOME, ...environment } = process.env;
  await run(process.execPath, [join(root, 'bin', 'slingshot.js'), ...args], {
    env: { ...environment, HOME: home, TMPDIR: temporary },
  });
  return readdir(join(work, name), { recursive: true });
}

describe('a run leaves nothing in the home or the temporary folder of who runs it', () => {
  const prompt = ['--prompt', 'To create a queue,', '--tenant', 'acme', '--steps', '4', '--tokens', '5', '--json'];

  it.each(['direct', 'state-machine'])('generating by the %s engine', async (engine) => {
    const left = await leftBehind(engine, 'generate', '--models', tiny.folder, '--engine', engine, ...prompt);
    expect(left.sort()).toEqual(['home', 'tmp']);
  });

  it('training', async () => {
    const data = ['--data', join(work, 'text.jsonl'), '--validation', join(work, 'text.jsonl')];
    const recipe = ['--recipe', join(work, 'recipe.yaml'), '--out', join(work, 'trained')];
    const left = await leftBehind('train', 'train', ...recipe, ...data);
    expect(left.sort()).toEqual(['home', 'tmp']);
  });
});

describe('ONNX Runtime', () => {
  it('is imported in one place, after its reporting is switched off', async () => {
    const folders = ['bench', 'bin', 'experiments', 'functions', 'lib', 'models', 'test'];
    const importing: string[] = [];
    for (const folder of folders) {
      for (const file of await readdir(join(root, folder), { recursive: true })) {
        const path = join(folder, file);
        if (
          path.endsWith('.ts') &&
          /^import .* from 'onnxruntime-node';$/m.test(await readFile(join(root, path), 'utf8'))
        ) {
          importing.push(path);
        }
      }
    }
    expect(importing).toEqual(['models/runtime/session.ts']);
    const source = await readFile(join(root, 'models/runtime/session.ts'), 'utf8');
    const imports = source.match(/^import .*$/gm) as string[];
    expect(imports[0]).toBe("import './no-telemetry.ts';");
  });
});
