import { firstIssue } from '../../models/zod-issue.ts';
import type { Caller } from '../contracts/caller.ts';
import { ApiError } from '../contracts/problem.ts';
import { type CompleteServiceRequest, type ServiceRequest, serviceRequestSchema } from '../contracts/request.ts';
import { loadDeployment } from '../prepare/load-deployment.ts';
import { type Prepared, prepare } from '../prepare/prepare.ts';
import { loadContextText } from '../shared/context-store.ts';
import { getContext } from '../shared/contexts.ts';
import { InvalidRequest } from '../shared/errors.ts';
import { catalogFor } from '../shared/models/registered.ts';
import { chosenModel } from './models.ts';
import { type Asked, serviceRequest } from './service-request.ts';

/** Whose request it is, as far as that decides what it may ask for. */
type Asker = Pick<Caller, 'tenant' | 'degradation'>;

/** A request as Prepare takes it, with what it comes to. */
export interface PreparedRequest {
  readonly request: ServiceRequest;
  readonly complete: CompleteServiceRequest;
  readonly prepared: Prepared;
}

/**
 * What a request of the API comes to, before anything is taken for it.
 *
 * @throws ApiError, InvalidRequest, StoreUnavailable
 */
export async function prepareAsked(caller: Asker, asked: Asked): Promise<PreparedRequest> {
  const deployed = await loadDeployment();
  // Which of several versions serves it depends on its id; they are alike in all that is checked here.
  const deployment = { ...deployed, catalog: await catalogFor(deployed.catalog, caller.tenant, '') };
  const { slingshot, model } = asked;
  const chosen = chosenModel(deployment.catalog, caller, model, slingshot.tenantModel);
  const context = slingshot.context === undefined ? undefined : await contextOf(caller, slingshot.context);
  const stored = context && { key: context.key, sha256: context.sha256 };
  const usual = chosen.tenantModel === undefined ? undefined : caller.degradation;
  const request = serviceRequest(withDegradation(asked, usual), chosen, stored);
  const parsed = serviceRequestSchema.safeParse(request);
  if (!parsed.success) throw new InvalidRequest(firstIssue(parsed.error, 'request'));
  const text = stored && (await loadContextText(caller.tenant, stored));
  const prepared = await prepare({ ...parsed.data, context: text }, deployment);
  return { request, complete: parsed.data, prepared };
}

/** What a request leaves to its tenant is the tenant's to say, where a model of the tenant's takes part at all. */
function withDegradation(asked: Asked, usual: Caller['degradation']): Asked {
  const { degradation = usual } = asked.slingshot;
  return degradation === undefined ? asked : { ...asked, slingshot: { ...asked.slingshot, degradation } };
}

async function contextOf({ tenant }: Asker, id: string) {
  const context = await getContext(tenant, id);
  if (context) return context;
  throw new ApiError('invalid_request', `slingshot.context: there is no context ${JSON.stringify(id)}`, {
    param: 'slingshot.context',
  });
}
