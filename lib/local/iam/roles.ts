import { functionFolder } from '../../cloud/function-folder.ts';
import { sessionRole } from '../../cloud/session-role.ts';
import type { Resolve } from '../references.ts';
import type { Template } from '../template.ts';
import { readStatements, type Statement } from './policy.ts';

type Resources = Template['Resources'];
interface Document {
  readonly Statement: readonly { readonly Action?: unknown }[];
}

/** What the roles of a template allow that sessions run under, by ARN. */
export function readRoles(resources: Resources, resolve: Resolve): Map<string, readonly Statement[]> {
  const roles = new Map<string, readonly Statement[]>();
  for (const [logicalId, { Type, Metadata }] of Object.entries(resources)) {
    if (Type !== 'AWS::IAM::Role' || !Metadata?.[sessionRole]) continue;
    const statements = documentsOf(resources, logicalId).flatMap((document) =>
      readStatements(document, resolve, logicalId),
    );
    roles.set(resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }), statements);
  }
  return roles;
}

/** What the functions of a template may do by themselves in the services that ask: all of it together. */
export function readServiceStatements(resources: Resources, resolve: Resolve): Statement[] {
  const asking = /^(s3|dynamodb|sts):/;
  return Object.values(resources).flatMap(({ Type, Properties, Metadata }) => {
    if (Type !== 'AWS::Lambda::Function' || Metadata?.[functionFolder] === undefined) return [];
    const [role] = (Properties.Role as { 'Fn::GetAtt': [string, string] })['Fn::GetAtt'];
    return documentsOf(resources, role).flatMap(({ Statement }) => {
      const known = Statement.filter(({ Action }) => [Action].flat().some((action) => asking.test(String(action))));
      return readStatements({ Statement: known }, resolve, role);
    });
  });
}

/** The policies of a role: its own, and those that the CDK adds. */
function documentsOf(resources: Resources, role: string): Document[] {
  const own = (resources[role].Properties.Policies ?? []) as { PolicyDocument: Document }[];
  const attached = Object.values(resources).filter(
    ({ Type, Properties }) =>
      Type === 'AWS::IAM::Policy' && (Properties.Roles as { Ref: string }[]).some(({ Ref }) => Ref === role),
  );
  return [...own, ...attached.map(({ Properties }) => Properties as { PolicyDocument: Document })].map(
    ({ PolicyDocument }) => PolicyDocument,
  );
}
