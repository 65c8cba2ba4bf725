import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export type Outcome = 'passed' | 'failed' | 'timed out';

/** A copy of the working tree in which files may be broken. */
export class Sandbox {
  readonly root = mkdtempSync(join(tmpdir(), 'slingshot-mutants-'));
  /** Of the working tree, relative to its root. */
  readonly files: readonly string[];
  readonly #temporary = join(this.root, '.tmp');

  constructor(source: string) {
    const listed = execFileSync('git', ['ls-files', '-z', '--cached', '--others', '--exclude-standard'], {
      cwd: source,
    });
    this.files = listed.toString().split('\0').filter(Boolean);
    process.once('exit', () => this.remove());
    for (const file of this.files) {
      mkdirSync(dirname(join(this.root, file)), { recursive: true });
      cpSync(join(source, file), join(this.root, file), { force: true });
    }
    symlinkSync(join(source, 'node_modules'), join(this.root, 'node_modules'));
  }

  has(file: string): boolean {
    return existsSync(join(this.root, file));
  }

  read(file: string): string {
    return readFileSync(join(this.root, file), 'utf8');
  }

  write(file: string, text: string): void {
    writeFileSync(join(this.root, file), text);
  }

  /** Runs a program of node_modules; whatever it started and wrote is gone afterwards. */
  async run(program: string, args: readonly string[], seconds: number): Promise<{ outcome: Outcome; output: string }> {
    mkdirSync(this.#temporary, { recursive: true });
    const child = spawn(join(this.root, 'node_modules', '.bin', program), args, {
      cwd: this.root,
      // A group of its own, so that what a broken program leaves running can be ended with it.
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, TMPDIR: this.#temporary, NO_COLOR: '1' },
    });
    let output = '';
    for (const stream of [child.stdout, child.stderr]) {
      stream.on('data', (chunk) => {
        output += chunk;
      });
    }
    let late = false;
    const timer = setTimeout(() => {
      late = true;
      endGroup(child);
    }, seconds * 1000);
    const code = await new Promise<number | null>((resolve) => child.once('exit', resolve));
    clearTimeout(timer);
    endGroup(child);
    rmSync(this.#temporary, { recursive: true, force: true });
    return { outcome: late ? 'timed out' : code === 0 ? 'passed' : 'failed', output };
  }

  remove(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

function endGroup({ pid }: ChildProcess): void {
  try {
    if (pid !== undefined) process.kill(-pid, 'SIGKILL');
  } catch {
    // All of it has ended.
  }
}
