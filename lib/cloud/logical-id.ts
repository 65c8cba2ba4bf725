import { type CfnElement, Stack } from 'aws-cdk-lib';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Construct, IConstruct } from 'constructs';

/** What a construct's main resource is called in the template, and so in findings. */
export function logicalId(construct: IConstruct): string {
  return Stack.of(construct).getLogicalId(construct.node.defaultChild as CfnElement);
}

/** Gives what holds data a name in its template that no move of code changes: another name is another, empty resource. */
export function pinLogicalId(construct: IConstruct, id: string): void {
  (construct.node.defaultChild as CfnElement).overrideLogicalId(id);
}

/** How a finding about something in `scope` spells a bucket's ARN, which another stack exports where it is that one's. */
export function arnInFindings(scope: Construct, bucket: Bucket): string {
  const [here, there] = [Stack.of(scope), Stack.of(bucket)];
  if (here === there) return `<${logicalId(bucket)}.Arn>`;
  return there.resolve(there.exportValue(bucket.bucketArn))['Fn::ImportValue'];
}
