import { CfnOutput, Duration, RemovalPolicy, Stack } from 'aws-cdk-lib';
import type { RestApi } from 'aws-cdk-lib/aws-apigateway';
import {
  AllowedMethods,
  type BehaviorOptions,
  CachePolicy,
  Distribution,
  HeadersFrameOption,
  HeadersReferrerPolicy,
  HttpVersion,
  OriginRequestPolicy,
  PriceClass,
  ResponseHeadersPolicy,
  ViewerProtocolPolicy,
} from 'aws-cdk-lib/aws-cloudfront';
import { RestApiOrigin, S3BucketOrigin } from 'aws-cdk-lib/aws-cloudfront-origins';
import { BlockPublicAccess, Bucket, BucketEncryption, type IBucket } from 'aws-cdk-lib/aws-s3';
import { BucketDeployment, CacheControl, Source } from 'aws-cdk-lib/aws-s3-deployment';
import type { Construct } from 'constructs';
import { contentSecurityPolicy, freshCache, lastingCache, siteHeaders } from '../console/site-headers.ts';
import { acknowledge } from './acknowledge.ts';
import { logicalId } from './logical-id.ts';

export interface ConsoleSiteProps {
  /** The folder with the page's files. */
  readonly folder: string;
  /** The API, which stands under the page's own address, so that it asks no other origin. */
  readonly gateway: RestApi;
}

/** The longest that CloudFront waits for the next byte; a stream says something every fifteen seconds. */
const patience = Duration.seconds(60);
/** Names that change with what is in them. */
const lasting = ['console/console-*.js', 'console/console-*.css'];

/** The console: its files in a bucket that CloudFront alone reads, and the API beside them. */
export function consoleSite(scope: Construct, { folder, gateway }: ConsoleSiteProps): Distribution {
  const made = new Bucket(scope, 'ConsoleFiles', {
    blockPublicAccess: BlockPublicAccess.BLOCK_ALL,
    encryption: BucketEncryption.S3_MANAGED,
    enforceSSL: true,
    removalPolicy: RemovalPolicy.DESTROY,
  });
  acknowledge(made, { S1: 'The files are public, and CloudFront reads them; there is nothing to follow up.' });
  // The interface says less of a website than the class, and is all that is needed.
  const bucket = made as IBucket;
  const api: BehaviorOptions = {
    origin: new RestApiOrigin(gateway, { readTimeout: patience, keepaliveTimeout: patience }),
    allowedMethods: AllowedMethods.ALLOW_ALL,
    cachePolicy: CachePolicy.CACHING_DISABLED,
    originRequestPolicy: OriginRequestPolicy.ALL_VIEWER_EXCEPT_HOST_HEADER,
    viewerProtocolPolicy: ViewerProtocolPolicy.HTTPS_ONLY,
    // Compressed, events would wait for each other.
    compress: false,
  };
  const distribution = new Distribution(scope, 'Console', {
    comment: 'Slingshot: the console, and the API beside it',
    defaultRootObject: 'index.html',
    httpVersion: HttpVersion.HTTP2_AND_3,
    priceClass: PriceClass.PRICE_CLASS_100,
    defaultBehavior: {
      origin: S3BucketOrigin.withOriginAccessControl(bucket),
      cachePolicy: CachePolicy.CACHING_OPTIMIZED,
      responseHeadersPolicy: headers(scope),
      viewerProtocolPolicy: ViewerProtocolPolicy.REDIRECT_TO_HTTPS,
    },
    additionalBehaviors: { '/v1/*': api, '/openapi.json': api },
  });
  acknowledge(distribution, {
    CFR1: 'The page has nothing that is for some countries alone.',
    CFR2: 'AWS WAF stands before the gateway where the setting is on; the files are public.',
    CFR3: 'The gateway logs each call of the API; of the files there is nothing to follow up.',
    CFR4: 'Without a domain of its own it has CloudFront’s certificate, whose protocols CloudFront decides.',
  });
  deploy(scope, { bucket, distribution, folder });
  new CfnOutput(scope, 'ConsoleUrl', { value: `https://${distribution.distributionDomainName}/` });
  return distribution;
}

/** The same headers that the page has on one machine. */
function headers(scope: Construct): ResponseHeadersPolicy {
  const named = ['permissions-policy', 'cross-origin-opener-policy'] as const;
  return new ResponseHeadersPolicy(scope, 'ConsoleHeaders', {
    comment: 'Slingshot: what the page may do',
    securityHeadersBehavior: {
      contentSecurityPolicy: { contentSecurityPolicy, override: true },
      contentTypeOptions: { override: true },
      frameOptions: { frameOption: HeadersFrameOption.DENY, override: true },
      referrerPolicy: { referrerPolicy: HeadersReferrerPolicy.NO_REFERRER, override: true },
      strictTransportSecurity: { accessControlMaxAge: Duration.days(365), includeSubdomains: true, override: true },
    },
    customHeadersBehavior: {
      customHeaders: named.map((header) => ({ header, value: siteHeaders[header], override: true })),
    },
  });
}

interface Deployed {
  readonly bucket: IBucket;
  readonly distribution: Distribution;
  readonly folder: string;
}

const basicExecution = 'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole]';

/** Files with lasting names first, and older ones stay: a page that is open goes on to find its own. */
function deploy(scope: Construct, { bucket, distribution, folder }: Deployed): void {
  const shared = { sources: [Source.asset(folder)], destinationBucket: bucket, retainOnDelete: false };
  const first = new BucketDeployment(scope, 'ConsoleLasting', {
    ...{ ...shared, prune: false, exclude: ['*'], include: lasting },
    cacheControl: [CacheControl.fromString(lastingCache)],
  });
  const rest = new BucketDeployment(scope, 'ConsoleFresh', {
    ...{ ...shared, exclude: lasting, distribution, distributionPaths: ['/*'] },
    cacheControl: [CacheControl.fromString(freshCache)],
  });
  rest.node.addDependency(first);
  const copier = Stack.of(scope).node.children.find(({ node }) => node.id.startsWith('Custom::CDKBucketDeployment'));
  if (!copier) throw new Error('the CDK has no function that copies the console’s files');
  const own = 'The CDK’s own function copies the files: it may read the CDK’s assets and write into this bucket.';
  const read = ['Action::s3:GetBucket*', 'Action::s3:GetObject*', 'Action::s3:List*'];
  const write = ['Action::s3:Abort*', 'Action::s3:DeleteObject*', `Resource::<${logicalId(bucket)}.Arn>/*`];
  const assets = 'Resource::arn:<AWS::Partition>:s3:::cdk-hnb659fds-assets-<AWS::AccountId>-<AWS::Region>/*';
  for (const construct of copier.node.findAll()) {
    acknowledge(construct, {
      [basicExecution]: 'The CDK’s own function writes its log by AWS’s policy for that.',
      ...Object.fromEntries([...read, ...write, assets].map((finding) => [`IAM5[${finding}]`, own])),
      'IAM5[Resource::*]':
        'Invalidations of CloudFront are asked for by the CDK’s own function, which restricts them to none.',
      L1: 'The CDK decides what its own function runs on.',
    });
  }
}
