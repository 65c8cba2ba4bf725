import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { App, Stack } from 'aws-cdk-lib';
import { Template } from 'aws-cdk-lib/assertions';
import { RestApi } from 'aws-cdk-lib/aws-apigateway';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { consoleSite } from '../../../lib/cloud/console-site.ts';
import { contentSecurityPolicy } from '../../../lib/console/site-headers.ts';

let folder: string;
let template: Template;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'slingshot-console-site-'));
  const site = join(folder, 'site');
  await mkdir(site);
  await writeFile(join(site, 'index.html'), '<!doctype html>');
  const stack = new Stack(new App({ outdir: join(folder, 'cdk.out') }), 'Console');
  const gateway = new RestApi(stack, 'Gateway', { deployOptions: { stageName: 'live' } });
  gateway.root.addMethod('GET');
  consoleSite(stack, { folder: site, gateway });
  template = Template.fromStack(stack);
});
afterAll(() => rm(folder, { recursive: true }));

const distribution = () =>
  Object.values(template.findResources('AWS::CloudFront::Distribution'))[0].Properties.DistributionConfig;

describe('the console in the cloud', () => {
  it('has the API under its own address, uncached, uncompressed and with the caller’s key', () => {
    const { CacheBehaviors, Origins } = distribution();
    expect(CacheBehaviors.map(({ PathPattern }: { PathPattern: string }) => PathPattern)).toEqual([
      '/v1/*',
      '/openapi.json',
    ]);
    for (const behaviour of CacheBehaviors) {
      expect(behaviour).toMatchObject({ Compress: false, ViewerProtocolPolicy: 'https-only' });
      expect(behaviour.AllowedMethods).toEqual(expect.arrayContaining(['POST', 'DELETE']));
      // AWS's own: CachingDisabled, and AllViewerExceptHostHeader.
      expect(behaviour.CachePolicyId).toBe('4135ea2d-6df8-44a3-9df3-4b5a84be39ad');
      expect(behaviour.OriginRequestPolicyId).toBe('b689b0a8-53d0-40ab-baf2-68738e2966ac');
      const origin = Origins.find(({ Id }: { Id: string }) => Id === behaviour.TargetOriginId);
      expect(JSON.stringify(origin.OriginPath)).toContain('Stage');
      // Longer than a stream is silent.
      expect(origin.CustomOriginConfig.OriginReadTimeout).toBeGreaterThan(15);
    }
  });

  it('says of the page what it may do, as the local front does', () => {
    template.hasResourceProperties('AWS::CloudFront::ResponseHeadersPolicy', {
      ResponseHeadersPolicyConfig: {
        SecurityHeadersConfig: {
          ContentSecurityPolicy: { ContentSecurityPolicy: contentSecurityPolicy, Override: true },
          FrameOptions: { FrameOption: 'DENY', Override: true },
        },
      },
    });
    expect(distribution().DefaultCacheBehavior).toMatchObject({ ViewerProtocolPolicy: 'redirect-to-https' });
  });

  it('keeps its files where CloudFront alone reads them', () => {
    template.hasResourceProperties('AWS::S3::Bucket', {
      PublicAccessBlockConfiguration: { BlockPublicAcls: true, RestrictPublicBuckets: true },
    });
    const policies = Object.values(template.findResources('AWS::S3::BucketPolicy'));
    const allowed = policies.flatMap(({ Properties }) =>
      Properties.PolicyDocument.Statement.filter(({ Effect }: { Effect: string }) => Effect === 'Allow'),
    );
    expect(allowed).toHaveLength(1);
    expect(allowed[0]).toMatchObject({ Action: 's3:GetObject', Principal: { Service: 'cloudfront.amazonaws.com' } });
    expect(JSON.stringify(allowed[0].Condition)).toContain('AWS:SourceArn');
  });

  it('puts files of lasting names there first, and takes none of them away', () => {
    const deployments = template.findResources('Custom::CDKBucketDeployment');
    const [[first], [, second]] = Object.entries(deployments).sort(([a], [b]) => (a < b ? 1 : -1));
    expect(deployments[first].Properties).toMatchObject({
      ...{ Prune: false, Exclude: ['*'] },
    });
    expect(deployments[first].Properties.SystemMetadata['cache-control']).toContain('immutable');
    expect(second.Properties.SystemMetadata['cache-control']).toBe('no-cache');
    expect(second.DependsOn).toEqual(expect.arrayContaining([first]));
  });
});
