import { createServer, type Server } from 'node:http';
import { close, listen } from '../listen.ts';
import { readBody } from '../read-body.ts';
import type { LocalService } from '../service.ts';
import type { Identities, Principal } from './identities.ts';
import { Refused } from './signature.ts';

/** STS on loopback: who calls, and AssumeRole, with session tags, for whoever may take the role on. */
export async function startSts(identities: Identities): Promise<LocalService> {
  const server = stsServer(identities);
  return { environment: { AWS_ENDPOINT_URL_STS: await listen(server) }, stop: () => close(server) };
}

const namespace = 'https://sts.amazonaws.com/doc/2011-06-15/';

function stsServer(identities: Identities): Server {
  return createServer(async (request, response) => {
    try {
      const body = await readBody(request);
      const signed = { method: request.method ?? '', url: request.url ?? '', headers: request.headers, body };
      const principal = identities.authenticate(signed, 'sts');
      const form = new URLSearchParams(body.toString());
      const xml =
        form.get('Action') === 'GetCallerIdentity' ? identity(principal) : assumeRole(identities, principal, form);
      response.writeHead(200, { 'content-type': 'text/xml' }).end(xml);
    } catch (error) {
      const { code, status, message } = error instanceof Refused ? error : new Refused('InternalFailure', '', 500);
      response.writeHead(status, { 'content-type': 'text/xml' });
      response.end(
        `<ErrorResponse xmlns="${namespace}"><Error><Type>Sender</Type><Code>${code}</Code><Message>${escapeXml(message)}</Message></Error></ErrorResponse>`,
      );
    }
  });
}

function identity(principal: Principal): string {
  const arn = principal.kind === 'session' ? principal.role : `arn:aws:iam::000000000000:user/${principal.kind}`;
  return `<GetCallerIdentityResponse xmlns="${namespace}"><GetCallerIdentityResult><Arn>${escapeXml(arn)}</Arn><UserId>${principal.kind}</UserId><Account>000000000000</Account></GetCallerIdentityResult></GetCallerIdentityResponse>`;
}

function assumeRole(identities: Identities, principal: Principal, form: URLSearchParams): string {
  const action = form.get('Action');
  if (action !== 'AssumeRole') throw new Refused('InvalidAction', `the local STS does not do ${action}`, 400);
  identities.authorise(principal, 'sts:AssumeRole', [form.get('RoleArn') ?? '']);
  const tags: Record<string, string> = {};
  for (let index = 1; form.has(`Tags.member.${index}.Key`); index++) {
    tags[form.get(`Tags.member.${index}.Key`) ?? ''] = form.get(`Tags.member.${index}.Value`) ?? '';
  }
  // What the service takes as a tag's value, which is no wildcard and no path out of a prefix's text.
  for (const value of Object.values(tags)) {
    if (!/^[\p{L}\p{Z}\p{N}_.:/=+\-@]{1,256}$/u.test(value))
      throw new Refused('ValidationError', 'a tag is wrong', 400);
  }
  if (!/^[\w+=,.@-]{2,64}$/.test(form.get('RoleSessionName') ?? '')) {
    throw new Refused('ValidationError', 'RoleSessionName is wrong', 400);
  }
  const role = form.get('RoleArn') ?? '';
  const made = identities.mint({ role, tags }, Number(form.get('DurationSeconds') ?? 3600));
  return `<AssumeRoleResponse xmlns="${namespace}"><AssumeRoleResult><Credentials>
<AccessKeyId>${made.accessKeyId}</AccessKeyId><SecretAccessKey>${made.secretAccessKey}</SecretAccessKey>
<SessionToken>${made.sessionToken}</SessionToken><Expiration>${made.expiration.toISOString()}</Expiration>
</Credentials><AssumedRoleUser><Arn>${escapeXml(role)}</Arn><AssumedRoleId>${made.accessKeyId}</AssumedRoleId></AssumedRoleUser></AssumeRoleResult></AssumeRoleResponse>`;
}

function escapeXml(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
