import { createHash } from 'node:crypto';
import { readdir, readFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { placeOfRuns } from '../../console/player-page.ts';

export const consoleFolder = join(import.meta.dirname, '..', '..', 'console');
const runsFolder = join(consoleFolder, 'recordings');

/** The console's files, by their path in the site. */
export type Site = ReadonlyMap<string, Buffer>;

/** Builds the page, the one-file player, and what was recorded. Takes a fifth of a second. */
export async function buildSite(): Promise<Site> {
  const { build } = await import('esbuild');
  const { outputFiles } = await build({
    entryPoints: [join(consoleFolder, 'main.tsx'), join(consoleFolder, 'styles', 'console.css')],
    ...{ bundle: true, minify: true, write: false, outdir: '/', entryNames: '[name]', target: 'es2022' },
    ...{ format: 'esm', legalComments: 'none', logLevel: 'silent' },
    ...{ jsx: 'automatic', jsxImportSource: 'preact' },
  });
  const textOf = (ending: string) => {
    const found = outputFiles.find(({ path }) => path.endsWith(ending));
    if (!found) throw new Error(`the console's bundle has no ${ending}`);
    return found.text;
  };
  const [script, styles] = [textOf('.js'), textOf('.css')];
  const page = await readFile(join(consoleFolder, 'page.html'), 'utf8');
  const scriptPath = `console/console-${digestOf(script)}.js`;
  const stylesPath = `console/console-${digestOf(styles)}.css`;
  const filled = (head: string, body: string) =>
    page.replace('<!-- head -->', () => head).replace('<!-- body -->', () => body);
  const site = new Map<string, Buffer>([
    [
      'index.html',
      Buffer.from(
        filled(
          `<link rel="icon" href="console/icon.svg"><link rel="stylesheet" href="${stylesPath}">`,
          `<script type="module" src="${scriptPath}"></script>`,
        ),
      ),
    ],
    [scriptPath, Buffer.from(script)],
    [stylesPath, Buffer.from(styles)],
    ['console/player.html', Buffer.from(filled(...player(script, styles)))],
    ['console/icon.svg', await readFile(join(consoleFolder, 'icon.svg'))],
  ]);
  for (const name of (await readdir(runsFolder)).toSorted()) {
    site.set(`console/runs/${basename(name)}`, await readFile(join(runsFolder, name)));
  }
  return site;
}

/** Everything in one file, which may load nothing and run nothing but its own. */
function player(script: string, styles: string): [head: string, body: string] {
  // An element ends at its end tag, wherever that stands.
  const safe = script.replaceAll('</script', '<\\/script');
  const policy = `default-src 'none'; script-src '${hashOf(safe)}'; style-src '${hashOf(styles)}'; img-src data:; base-uri 'none'; form-action 'none'`;
  return [
    `<meta http-equiv="Content-Security-Policy" content="${policy}"><style>${styles}</style>`,
    `<script type="application/json" id="runs">${placeOfRuns}</script><script type="module">${safe}</script>`,
  ];
}

function digestOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 12);
}

function hashOf(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
