import { sessionRole } from '../../cloud/session-role.ts';
import type { Resolve } from '../references.ts';
import type { Template } from '../synthesise.ts';
import { readStatements, type Statement } from './policy.ts';

/** What the roles of a template allow that sessions run under, by ARN. */
export function readRoles(resources: Template['Resources'], resolve: Resolve): Map<string, readonly Statement[]> {
  const roles = new Map<string, readonly Statement[]>();
  for (const [logicalId, { Type, Properties, Metadata }] of Object.entries(resources)) {
    if (Type !== 'AWS::IAM::Role' || !Metadata?.[sessionRole]) continue;
    const own = (Properties.Policies ?? []) as { PolicyDocument: unknown }[];
    const attached = Object.values(resources).filter(
      ({ Type, Properties }) =>
        Type === 'AWS::IAM::Policy' && (Properties.Roles as { Ref: string }[]).some(({ Ref }) => Ref === logicalId),
    );
    const documents = [...own, ...attached.map(({ Properties }) => Properties)].map(
      ({ PolicyDocument }) => PolicyDocument,
    );
    roles.set(
      resolve({ 'Fn::GetAtt': [logicalId, 'Arn'] }),
      documents.flatMap((document) => readStatements(document, resolve, logicalId)),
    );
  }
  return roles;
}
