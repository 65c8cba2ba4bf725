import { spawn } from 'node:child_process';
import { Resources } from '../../lib/local/resources.ts';

/** Holds a child that ignores to be asked to end, and a folder, until something ends it. */
const resources = new Resources();
const script = "process.on('SIGTERM', () => {}); setInterval(() => {}, 1000); console.log('up')";
const child = resources.child(spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'ignore'] }));
const folder = resources.folder('slingshot-held-');
child.stdout?.once('data', () => process.send?.({ pid: child.pid, folder }));
process.on('message', async (how) => {
  if (how === 'throw') throw new Error('uncaught');
  if (how === 'exit') process.exit(3);
  await resources.stop();
  process.disconnect();
});
