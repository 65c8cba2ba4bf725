import type { Caller } from '../contracts/caller.ts';
import type { Catalog } from '../contracts/catalog.ts';
import { ApiError } from '../contracts/problem.ts';

export interface ChosenModel {
  readonly core: string;
  /** The tenant's own model that corrects it. */
  readonly tenantModel?: string;
}

const separator = '+';

/** The ids of the models that a tenant may use: every core, alone and corrected by the tenant's own model. */
export function modelIds({ cores, tenants }: Catalog, { tenant }: Pick<Caller, 'tenant'>): string[] {
  const names = Object.keys(cores);
  return Object.hasOwn(tenants, tenant) ? [...names, ...names.map((core) => core + separator + tenant)] : names;
}

/**
 * @param tenantModel asked for beside the model's id
 * @throws ApiError when it is none that the tenant may use; whether another tenant may is not told
 */
export function chosenModel(
  catalog: Catalog,
  caller: Pick<Caller, 'tenant'>,
  model: string,
  tenantModel?: string,
): ChosenModel {
  const id = tenantModel === undefined || model.includes(separator) ? model : model + separator + tenantModel;
  const known = modelIds(catalog, caller);
  if (!known.includes(id)) {
    throw new ApiError('model_not_found', `model: there is no ${JSON.stringify(id)}; there are ${known.join(', ')}`, {
      param: 'model',
    });
  }
  const [core, corrector] = id.split(separator);
  if (tenantModel !== undefined && corrector !== tenantModel) {
    throw new ApiError('invalid_request', `slingshot.tenantModel: is another than that of the model ${id}`, {
      param: 'slingshot.tenantModel',
    });
  }
  return { core, ...(corrector === undefined ? {} : { tenantModel: corrector }) };
}
