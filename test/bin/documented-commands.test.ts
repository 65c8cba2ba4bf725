import { globSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Command } from 'commander';
import { expect, it } from 'vitest';
import { commandLine } from '../../bin/command-line.ts';

const root = join(import.meta.dirname, '../..');
const pages = [join(root, 'README.md'), ...globSync(join(root, 'docs/*.md'))];

/** Each `slingshot ...` of a page, in a block or in a line, as words; up to what a shell does with it. */
function commandsOf(page: string): string[][] {
  const text = readFileSync(page, 'utf8').replaceAll(/\\\n\s*/g, ' ');
  const blocks = [...text.matchAll(/^ {4}(?:.*&& )?(?:npx )?slingshot (.*)$/gm)];
  const inLines = [...text.matchAll(/`(?:npx )?slingshot ([^`]+)`/g)];
  return [...blocks, ...inLines].map(([, line]) => {
    const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([word]) => word);
    const end = words.findIndex((word) => /^(#|&&|\||>|<|2>)/.test(word));
    return end < 0 ? words : words.slice(0, end);
  });
}

/** What a command line has that there is not: a command, or an option. */
function unknownIn(words: readonly string[]): string[] {
  let command: Command = commandLine();
  let at = 0;
  for (; at < words.length; at++) {
    const next = command.commands.find((each) => each.name() === words[at] || each.aliases().includes(words[at]));
    if (!next) break;
    command = next;
  }
  if (at === 0) return [words[0]];
  const takesWords = command.registeredArguments.length > 0 || command.commands.length === 0;
  if (!takesWords && words[at] && !words[at].startsWith('-')) return [words[at]];
  const options = new Set([...command.options.flatMap(({ long, short }) => [long, short]), '--help', '-h']);
  return words.slice(at).filter((word) => /^--?[a-z]/.test(word) && !options.has(word.split('=')[0]));
}

it('every command in the docs is one that there is, with options that it has', () => {
  const found = pages.flatMap((page) => commandsOf(page).map((words) => ({ page: basename(page), words })));
  expect(found.length).toBeGreaterThan(60);
  const wrong = found.flatMap(({ page, words }) => {
    // `slingshot status|top` names two.
    const unknown = words[0].includes('|') ? [] : unknownIn(words);
    return unknown.length > 0 ? [`${page}: slingshot ${words.join(' ')}: ${unknown.join(', ')}`] : [];
  });
  expect(wrong).toEqual([]);
});
