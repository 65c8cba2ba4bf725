import { randomBytes } from 'node:crypto';
import { isAllowed, type RequestContext, type Statement } from './policy.ts';
import { checkSignature, isEqual, Refused, readClaim, type SignedRequest } from './signature.ts';

/** Who a request is from: the operator, who may do everything; the service's functions; or a session of a role. */
export type Principal =
  | { readonly kind: 'operator' }
  | { readonly kind: 'service' }
  | ({ readonly kind: 'session' } & Session);

export interface Session {
  /** The role's ARN. */
  readonly role: string;
  readonly tags: Readonly<Record<string, string>>;
}

/** What a request is signed with. */
export interface LongCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

interface Credentials extends LongCredentials {
  readonly sessionToken: string;
  readonly expiration: Date;
}

interface Known {
  readonly principal: Principal;
  readonly secret: string;
  readonly token?: string;
  readonly expiresAt: number;
}

const invalid = () => new Refused('InvalidClientTokenId', 'The security token included in the request is invalid.');

/** The credentials that the local stand-ins know, and what each may do. */
export class Identities {
  readonly #known = new Map<string, Known>();
  readonly operator: LongCredentials;
  readonly #roles: ReadonlyMap<string, readonly Statement[]>;
  readonly #service: readonly Statement[];

  /**
   * @param roles statements of each role, by ARN
   * @param service what functions have and may do by themselves
   */
  constructor(
    operator: LongCredentials,
    roles: ReadonlyMap<string, readonly Statement[]> = new Map(),
    service?: { readonly credentials: LongCredentials; readonly statements: readonly Statement[] },
  ) {
    this.operator = operator;
    this.#roles = roles;
    this.#service = service?.statements ?? [];
    const know = ({ accessKeyId, secretAccessKey }: LongCredentials, kind: 'operator' | 'service') =>
      this.#known.set(accessKeyId, {
        ...{ principal: { kind }, secret: secretAccessKey },
        expiresAt: Number.POSITIVE_INFINITY,
      });
    know(operator, 'operator');
    if (service) know(service.credentials, 'service');
  }

  /** New credentials of a session of a role. @throws Refused when there is no such role */
  mint(session: Session, seconds: number): Credentials {
    if (!this.#roles.has(session.role)) throw new Refused('AccessDenied', `no role ${session.role}`);
    this.#forget();
    const accessKeyId = `ASIA${randomBytes(8).toString('hex').toUpperCase()}`;
    const secretAccessKey = randomBytes(30).toString('base64');
    const sessionToken = randomBytes(96).toString('base64');
    const expiresAt = Date.now() + 1000 * seconds;
    const principal: Principal = { kind: 'session', ...session };
    this.#known.set(accessKeyId, { principal, secret: secretAccessKey, token: sessionToken, expiresAt });
    return { accessKeyId, secretAccessKey, sessionToken, expiration: new Date(expiresAt) };
  }

  /** @throws Refused */
  authenticate(request: SignedRequest, service: string): Principal {
    const claim = readClaim(request);
    const known = this.credentials(claim.accessKeyId, claim.token);
    checkSignature(request, claim, { secret: known.secret, service });
    return known.principal;
  }

  /** Whose an access key is. @throws Refused when nobody's, or when the session's token is another or is over */
  credentials(accessKeyId: string, token: string | undefined): Pick<Known, 'principal' | 'secret'> {
    const known = this.#known.get(accessKeyId);
    if (!known || !isEqual(known.token ?? '', token ?? '')) throw invalid();
    if (known.expiresAt <= Date.now()) throw new Refused('ExpiredToken', 'The provided token has expired.');
    return known;
  }

  /** @throws Refused */
  authorise(principal: Principal, action: string, resources: readonly string[], context: RequestContext = {}): void {
    if (principal.kind === 'operator') return;
    const { role, tags } = principal.kind === 'session' ? principal : { role: undefined, tags: {} };
    const tagged = Object.entries(tags).map(([name, value]) => [`aws:PrincipalTag/${name}`, value]);
    const own = { ...context, ...Object.fromEntries(tagged) };
    const statements = role === undefined ? this.#service : (this.#roles.get(role) ?? []);
    if (
      resources.length > 0 &&
      resources.every((resource) => isAllowed(statements, { action, resource, context: own }))
    )
      return;
    // What was asked for stays unsaid: the answer is the same whether it is there or not.
    throw new Refused('AccessDeniedException', `${action} is not allowed`);
  }

  #forget(): void {
    for (const [id, { expiresAt }] of this.#known) if (expiresAt <= Date.now()) this.#known.delete(id);
  }
}
