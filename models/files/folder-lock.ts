import { randomInt } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { link, readFile, rename, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { writeError } from './write-error.ts';

const lockFile = 'lock';
const heartbeatMilliseconds = 30_000;
/** How long the holder on another machine may be silent; whether it lives cannot be asked from here. */
const silenceMilliseconds = 600_000;

/** Who holds a lock: a process, told from a later one of the same number by when it started. */
interface Holder {
  readonly pid: number;
  readonly host: string;
  /** In the kernel's ticks since boot; null where there is no /proc. */
  readonly started: string | null;
}

/**
 * Does `work` while this process alone may work in a folder. A lock whose holder was killed is taken over.
 *
 * @throws Error naming the process that holds the folder
 */
export async function withFolderLock<T>(folder: string, work: () => Promise<T>): Promise<T> {
  const path = join(folder, lockFile);
  const own = JSON.stringify({ pid: process.pid, host: hostname(), started: startOf(process.pid) } satisfies Holder);
  while (!(await taken(path, own))) await removeStale(path, folder);
  const heartbeat = setInterval(() => utimes(path, new Date(), new Date()).catch(() => {}), heartbeatMilliseconds);
  heartbeat.unref();
  try {
    return await work();
  } finally {
    clearInterval(heartbeat);
    if ((await contentOf(path)) === own) await rm(path, { force: true });
  }
}

/** Whether the lock is ours now. A link, unlike a new file, appears with its content. */
async function taken(path: string, own: string): Promise<boolean> {
  const temporary = aside(path);
  try {
    await writeFile(temporary, own);
    await link(temporary, path);
    return true;
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw writeError(path, cause);
  } finally {
    await rm(temporary, { force: true });
  }
}

/** @throws Error when the lock's holder is alive */
async function removeStale(path: string, folder: string): Promise<void> {
  const content = await contentOf(path);
  if (content === undefined) return;
  const holder = parseHolder(content);
  if (holder && (await isAlive(holder, path))) {
    const where = holder.host === hostname() ? '' : ` on ${holder.host}`;
    throw new Error(`${folder} is in use by process ${holder.pid}${where}: wait for it, or choose another folder`);
  }
  // Another process may have taken the lock over since: what is moved away is looked at again, and given back.
  const stale = aside(path);
  await rename(path, stale).catch(() => {});
  const moved = await contentOf(stale);
  if (moved !== undefined && moved !== content) await link(stale, path).catch(() => {});
  await rm(stale, { force: true });
}

/** A name of its own, which removeLeftovers knows. */
function aside(path: string): string {
  return `${path}.${randomInt(2 ** 47)}.tmp`;
}

async function contentOf(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined);
}

function parseHolder(content: string): Holder | undefined {
  try {
    const { pid, host, started } = JSON.parse(content);
    return Number.isSafeInteger(pid) && typeof host === 'string' ? { pid, host, started } : undefined;
  } catch {
    return undefined;
  }
}

async function isAlive({ pid, host, started }: Holder, path: string): Promise<boolean> {
  if (host !== hostname()) {
    const { mtimeMs } = await stat(path).catch(() => ({ mtimeMs: 0 }));
    return Date.now() - mtimeMs < silenceMilliseconds;
  }
  try {
    process.kill(pid, 0);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return false;
  }
  return started === startOf(pid);
}

/** Field 22 of /proc/PID/stat, none for a zombie; field 2, a name in brackets, may hold spaces. */
function startOf(pid: number): string | null {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
    return fields[0] === 'Z' ? null : fields[19];
  } catch {
    return null;
  }
}
