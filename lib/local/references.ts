import type { Template } from './template.ts';

const account = '000000000000';
const region = 'local';

const pseudo: Readonly<Record<string, string>> = {
  'AWS::Partition': 'aws',
  'AWS::Region': region,
  'AWS::AccountId': account,
  'AWS::StackId': `arn:aws:cloudformation:${region}:${account}:stack/slingshot`,
};

/** Resolves what stands for a text in a template. */
export type Resolve = (value: unknown) => string;

/** What Ref and Fn::GetAtt of a resource give here, for the types that the local cloud has; else its logical id. */
function stand(type: string | undefined, logicalId: string): { readonly ref: string; readonly arn: string } {
  switch (type) {
    case 'AWS::StepFunctions::StateMachine':
      return same(`arn:aws:states:${region}:${account}:stateMachine:${logicalId}`);
    case 'AWS::Lambda::Function':
      return same(`arn:aws:lambda:${region}:${account}:function:${logicalId}`);
    case 'AWS::IAM::Role':
      return { ref: logicalId, arn: `arn:aws:iam::${account}:role/${logicalId}` };
    case 'AWS::DynamoDB::Table':
      return { ref: logicalId, arn: `arn:aws:dynamodb:${region}:${account}:table/${logicalId}` };
    case 'AWS::S3::Bucket': {
      // A bucket's name has lower-case letters only.
      const name = logicalId.toLowerCase();
      return { ref: name, arn: `arn:aws:s3:::${name}` };
    }
    default:
      return same(logicalId);
  }
}

const same = (name: string) => ({ ref: name, arn: name });

/** CloudFormation's Ref, Fn::GetAtt, Fn::Join and Fn::Sub in a template, down to a string. */
export function resolver({ Resources }: Pick<Template, 'Resources'>): Resolve {
  const refer = (name: string) => pseudo[name] ?? stand(Resources[name]?.Type, name).ref;
  const arnOf = (logicalId: string) => stand(Resources[logicalId]?.Type, logicalId).arn;
  return function resolve(value: unknown): string {
    if (typeof value === 'string') return value;
    const [[name, argument]] = Object.entries(value as Record<string, unknown>);
    if (name === 'Fn::Join') {
      const [separator, parts] = argument as [string, unknown[]];
      return parts.map(resolve).join(separator);
    }
    if (name === 'Fn::GetAtt') return arnOf((argument as [string, string])[0]);
    if (name === 'Fn::Sub' && typeof argument === 'string') {
      return argument.replaceAll(/\$\{([^}]+)\}/g, (_, reference) => refer(reference));
    }
    if (name === 'Ref') return refer(argument as string);
    throw new Error(`the local cloud cannot resolve ${name}`);
  };
}

export function tableArn(name: string): string {
  return `arn:aws:dynamodb:${region}:${account}:table/${name}`;
}
