import { access } from 'node:fs/promises';
import sparticuz from '@sparticuz/chromium';
import { type Browser, chromium } from 'playwright-core';

/** Where Debian's package has it. */
const debian = '/usr/bin/chromium';
/** Not those that the package proposes, which take web security away. */
const args = ['--no-sandbox', '--disable-gpu'];

/**
 * A browser from npm alone, or Debian's where that one does not start: it needs libnss3 and libnspr4 of the machine.
 *
 * @throws Error saying what is missing; tests of a page that no browser has seen are none
 */
export async function launchBrowser(): Promise<Browser> {
  try {
    const executablePath = await sparticuz.executablePath();
    return await chromium.launch({ executablePath, args, headless: true });
  } catch (error) {
    const found = await access(debian).then(
      () => true,
      () => false,
    );
    if (found) return chromium.launch({ executablePath: debian, args, headless: true });
    throw new Error(
      `no browser for the console's tests: that of @sparticuz/chromium did not start (${(error as Error).message.split('\n')[0]}); ` +
        'install libnss3 and libnspr4, or Debian’s chromium',
      { cause: error },
    );
  }
}
