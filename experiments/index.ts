import { againstAutoregressive } from './autoregressive.ts';
import { collaboration } from './collaboration.ts';
import { contextEncoding } from './context-encoding.ts';
import { core } from './core.ts';
import { decoding } from './decoding.ts';
import { gaps } from './gaps.ts';
import { halting } from './halting.ts';
import type { Lab } from './lab.ts';
import type { Report } from './report.ts';
import { selfConditioning } from './self-conditioning.ts';
import { specialists } from './specialists.ts';
import { ssdLm } from './ssd-lm.ts';
import { tenantsByWeight } from './tenants.ts';

/** By name, in the order of docs/experiments.md. */
export const experiments: Readonly<Record<string, (lab: Lab) => Promise<Report>>> = {
  'ssd-lm': ssdLm,
  'self-conditioning': selfConditioning,
  'context-encoding': contextEncoding,
  halting,
  specialists,
  collaboration,
  autoregressive: againstAutoregressive,
  decoding,
  tenants: tenantsByWeight,
  gaps,
  core,
};
