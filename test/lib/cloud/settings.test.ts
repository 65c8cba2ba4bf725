import { describe, expect, it } from 'vitest';
import { defaultTiers } from '../../../functions/contracts/tiers.ts';
import { readSettings } from '../../../lib/cloud/settings.ts';

describe('deployment settings', () => {
  it('have defaults, and pass over what is the CDK itself', () => {
    const cdk = { '@aws-cdk/aws-iam:minimizePolicies': true, 'aws:cdk:bundling-stacks': ['*'], 'cli-telemetry': false };
    expect(readSettings(cdk)).toEqual({
      kept: 256,
      coreInstanceType: 'ml.g5.xlarge',
      tenantInstanceType: 'ml.g4dn.xlarge',
      customerKey: true,
      tiers: defaultTiers,
      ...{ corsOrigins: [], requestsPerSecond: 100, requestBurst: 200, firewall: false },
    });
  });

  it('are read as the command line gives them', () => {
    expect(readSettings({ kept: '64', coreInstances: '2', customerKey: 'false', stage: 'Test1' })).toMatchObject({
      ...{ kept: 64, coreInstances: 2, customerKey: false, stage: 'Test1' },
    });
  });

  it.each([
    [{ kept: 'abc' }, 'kept: Invalid input: expected number, received NaN'],
    [{ kept: '' }, 'kept: Too small'],
    [{ kept: '2.5' }, 'kept: Invalid input: expected int'],
    [{ coreInstances: '0' }, 'coreInstances: Too small'],
    [{ coreInstanceType: 'g5.xlarge' }, 'coreInstanceType: is no SageMaker instance type'],
    [{ customerKey: 'no' }, 'customerKey: '],
    [{ corsOrigins: 'example' }, 'corsOrigins.0: is no origin'],
    [{ stage: 'my_stage' }, 'stage: has a letter'],
    [{ keptt: '64' }, 'Unrecognized key: "keptt"; there are models, stage, kept'],
    [{ constructor: '1' }, 'Unrecognized key'],
  ])('%j are refused', (context, message) => {
    expect(() => readSettings(context)).toThrow(`settings (-c name=value): `);
    expect(() => readSettings(context)).toThrow(message);
  });
});
