import { isInteractive } from './printable.ts';

/** Shows how far something is, on a terminal only; the line goes when it is done. */
export function showProgress(what: string): (done: number, total: number) => void {
  if (!isInteractive(process.stderr)) return () => {};
  return (done, total) => {
    process.stderr.write(done === total ? '\r\u001b[K' : `\r${done}/${total} ${what}\u001b[K`);
  };
}

/** The same where the end is not known. */
export function showCount(what: string): (done: number | null) => void {
  if (!isInteractive(process.stderr)) return () => {};
  return (done) => {
    process.stderr.write(done === null ? '\r\u001b[K' : `\r${done} ${what}\u001b[K`);
  };
}
