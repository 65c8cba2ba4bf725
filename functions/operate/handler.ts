import { bufferedHandler } from '../api/buffered-handler.ts';
import type { Handlers } from '../api/http.ts';
import { createdKey, disabledKey, listedKeys } from './keys.ts';
import { getFleet, getStateMachine, listTenants } from './operations.ts';

const handlers: Handlers<'operate'> = {
  listTenants,
  getFleet,
  getStateMachine,
  listKeys: listedKeys,
  createKey: createdKey,
  disableKey: disabledKey,
};

/** The operators' routes, and those for keys, apart from the others: no other function may touch tenants' records and keys. */
export const handler = bufferedHandler(handlers);
