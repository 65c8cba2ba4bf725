import { commandLine } from './command-line.ts';
import { watchOutput } from './terminal/output.ts';
import { report } from './terminal/report.ts';

watchOutput();
try {
  await commandLine().parseAsync();
} catch (error) {
  report(error);
}
