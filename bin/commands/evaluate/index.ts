import { Command } from 'commander';
import { judgeCommand } from './judge.ts';
import { lossCommand } from './loss.ts';
import { samplesCommand } from './samples.ts';
import { textCommand } from './text.ts';

export function evaluateCommand(): Command {
  return new Command('evaluate')
    .description('Measure models: their loss on held-out text, the text they write, or two models against each other')
    .addCommand(lossCommand(), { isDefault: true })
    .addCommand(textCommand())
    .addCommand(samplesCommand())
    .addCommand(judgeCommand())
    .addHelpText(
      'after',
      `
Examples:
  slingshot evaluate loss --data valid.jsonl.gz --model core --picture loss.svg
  slingshot evaluate text --prompts valid.jsonl.gz --tenant contact-center --weights 0,0.5,1
  slingshot evaluate samples --text samples.jsonl --real valid.jsonl.gz --training train.jsonl.gz --judge-text others.jsonl.gz
  slingshot evaluate judge --a core.jsonl --b instruct.jsonl --url https://api.openai.com/v1 --judge-model gpt-4o`,
    );
}
