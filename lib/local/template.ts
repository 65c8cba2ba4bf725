import type { Tiers } from '../../functions/contracts/tiers.ts';
import type { EngineOptions } from '../engine.ts';

/** What a template is made by, beside the fleet. */
export type TemplateOptions = Pick<EngineOptions, 'kept' | 'endpointTimeoutMilliseconds'> & {
  /** The usual ones when absent. */
  readonly tiers?: Tiers;
  /** How long a stream may say nothing; as long as usual when absent. */
  readonly heartbeatSeconds?: number;
};

/** A CloudFormation template, as far as the local cloud reads it. */
export interface Template {
  readonly Resources: Readonly<Record<string, Resource>>;
  readonly Outputs?: Readonly<Record<string, { readonly Value: unknown }>>;
}

interface Resource {
  readonly Type: string;
  readonly Properties: Record<string, unknown>;
  readonly Metadata?: Readonly<Record<string, unknown>>;
}
