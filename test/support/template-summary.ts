import type { App } from 'aws-cdk-lib';
import { NestedStack, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { readTemplate } from '../../lib/local/definitions.ts';
import { mergeTemplates } from '../../lib/local/merge-templates.ts';
import type { State } from '../../lib/local/states-language.ts';
import type { Resource } from './stacks.ts';

/** What a person wants to see of the stacks in a diff: what there is, who may do what, and the definitions. */
export function summaryOf(app: App): string {
  const stacks = app.node.children.filter((child) => Stack.isStack(child));
  const all = stacks.flatMap((stack) => [
    stack,
    ...stack.node.children.filter((child) => child instanceof NestedStack),
  ]);
  const parts = all.map((stack) => {
    const resources = Template.fromStack(stack).toJSON().Resources as Record<string, Resource>;
    return `# ${stack.node.id}\n\n${[counts(resources), retained(resources), statements(resources)].filter(Boolean).join('\n\n')}`;
  });
  const merged = mergeTemplates(stacks.map((stack) => Template.fromStack(stack).toJSON() as never));
  const definitions = [...readTemplate(merged).machines].map(
    ([id, { type, definition }]) => `# ${stable(id)}, ${type}\n\n${states(definition.States)}`,
  );
  return `${[...parts, ...definitions].join('\n\n')}\n`;
}

/** Without digests, of names and of contents. */
function stable(text: string): string {
  return text.replaceAll(/[0-9a-f]{64}/g, 'DIGEST').replaceAll(/(?<=[A-Za-z])[0-9A-F]{8}(?![0-9A-Za-z])/g, '');
}

function counts(resources: Readonly<Record<string, Resource>>): string {
  const byType = Object.groupBy(Object.values(resources), ({ Type }) => Type);
  return Object.keys(byType)
    .sort()
    .map((type) => `${String(byType[type]?.length).padStart(3)} ${type}`)
    .join('\n');
}

function retained(resources: Readonly<Record<string, Resource>>): string {
  return Object.entries(resources)
    .filter(([, { DeletionPolicy }]) => DeletionPolicy === 'Retain')
    .map(([id, { Type }]) => `stays: ${id} (${Type})`)
    .sort()
    .join('\n');
}

interface Statement {
  readonly Action: unknown;
  readonly Resource: unknown;
  readonly Condition?: object;
}

function statements(resources: Readonly<Record<string, Resource>>): string {
  const roles = Object.entries(resources).flatMap(([id, { Type, Properties }]) => {
    if (Type === 'AWS::IAM::Role') {
      return [[id, (Properties.Policies ?? []).map((policy: { PolicyDocument: object }) => policy.PolicyDocument)]];
    }
    if (Type !== 'AWS::IAM::Policy') return [];
    return Properties.Roles.map(({ Ref }: { Ref: string }) => [Ref, [Properties.PolicyDocument]]);
  }) as [string, { Statement: Statement[] }[]][];
  const lines = roles.flatMap(([role, documents]) =>
    documents.flatMap(({ Statement }) =>
      Statement.flatMap(({ Action, Resource, Condition }) =>
        [Action].flat().flatMap((action) =>
          [Resource].flat().map((resource) => {
            const when = Condition ? ` if ${JSON.stringify(Condition)}` : '';
            return stable(`${role} may ${action} ${spelled(resource)}${when}`);
          }),
        ),
      ),
    ),
  );
  return lines.sort().join('\n');
}

/** A resource as one word: references in angle brackets. */
function spelled(value: unknown): string {
  if (typeof value === 'string') return value;
  const [[name, argument]] = Object.entries(value as Record<string, unknown>);
  if (name === 'Fn::Join') return (argument as [string, unknown[]])[1].map(spelled).join('');
  if (name === 'Fn::GetAtt') return `<${(argument as string[]).join('.')}>`;
  return `<${String(argument)}>`;
}

function states(all: Readonly<Record<string, State>>, indent = ''): string {
  return Object.entries(all)
    .map(([name, state]) => {
      const {
        Type,
        Next,
        Default,
        Choices = [],
        ItemProcessor,
      } = state as State & {
        Next?: string;
        Default?: string;
        Choices?: { Next: string }[];
      };
      const to = [Next, ...Choices.map((choice) => choice.Next), Default].filter((each) => each !== undefined);
      const line = `${indent}${name} (${Type})${to.length > 0 ? ` -> ${to.join(' | ')}` : ' -> end'}`;
      return ItemProcessor ? `${line}\n${states(ItemProcessor.States, `${indent}  `)}` : line;
    })
    .join('\n');
}
