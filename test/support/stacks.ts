import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, NestedStack, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { builtArtefacts } from '../../lib/cloud/artefacts.ts';
import { deployment } from '../../lib/cloud/deployment.ts';
import { type SettingsInput, settingsSchema } from '../../lib/config/schema.ts';
import { mergeTemplates } from '../../lib/local/merge-templates.ts';
import { tinyFleet } from './tiny-fleet.ts';

/**
 * Seven of the state machines that generate, those of the service (three behind the API, the authoriser, and the end of
 * executions), two that deploy tenants' own models, and three of batches.
 */
export const functionCount = 7 + 5 + 2 + 3;

/** Stacks of a tiny fleet, synthesised into a folder of their own. */
export class Stacks {
  readonly tiny: Awaited<ReturnType<typeof tinyFleet>>;
  readonly #folder = mkdtempSync(join(tmpdir(), 'slingshot-template-'));

  private constructor(tiny: Stacks['tiny']) {
    this.tiny = tiny;
  }

  static async create(): Promise<Stacks> {
    return new Stacks(await tinyFleet());
  }

  build(settings: SettingsInput = {}, fleet = this.tiny.fleet, prefix = 'Slingshot'): App {
    const outdir = mkdtempSync(join(this.#folder, 'cdk.out'));
    const app = new App({ outdir, context: { 'aws:cdk:bundling-stacks': [] }, analyticsReporting: false });
    deployment(app, { prefix, fleet, artefacts: builtArtefacts, settings: settingsSchema.parse(settings) });
    return app;
  }

  async remove(): Promise<void> {
    rmSync(this.#folder, { recursive: true });
    await this.tiny.remove();
  }
}

/** The stacks of an app as one template, then those of the stacks nested in them. */
export function templates(app: App): Template[] {
  const stacks = app.node.children.filter((child) => Stack.isStack(child));
  const nested = stacks.flatMap((stack) => stack.node.children.filter((child) => child instanceof NestedStack));
  const merged = mergeTemplates(stacks.map((stack) => Template.fromStack(stack).toJSON() as never));
  return [Template.fromJSON(merged as never), ...nested.map((each) => Template.fromStack(each))];
}

export interface Resource {
  readonly Type: string;
  // biome-ignore lint/suspicious/noExplicitAny: a template's properties have any shape
  readonly Properties: Record<string, any>;
  readonly DeletionPolicy?: string;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}

export function resourcesOf(all: readonly Template[], type: string): Resource[] {
  return all.flatMap((each) => Object.values(each.findResources(type)) as Resource[]);
}

/** What a role may do: its own statements, and those that the CDK adds in a policy. */
export function statementsOf(all: readonly Template[], role: string) {
  return all.flatMap((each) => {
    const inline = each.findResources('AWS::IAM::Role')[role]?.Properties.Policies ?? [];
    const added = Object.values(each.findResources('AWS::IAM::Policy')).filter(({ Properties }) =>
      Properties.Roles.some(({ Ref }: { Ref: string }) => Ref === role),
    );
    return [
      ...inline.map((policy: { PolicyDocument: unknown }) => policy),
      ...added.map(({ Properties }) => Properties),
    ].flatMap(({ PolicyDocument }) => PolicyDocument.Statement as { Action: unknown; Resource: unknown }[]);
  });
}
