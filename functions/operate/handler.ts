import { bufferedHandler } from '../api/buffered-handler.ts';
import type { Handlers } from '../api/http.ts';
import { getFleet, getStateMachine, listTenants } from './operations.ts';

const handlers: Handlers<'operate'> = { listTenants, getFleet, getStateMachine };

/** The operators' routes, apart from the others: no other function may read who the tenants are. */
export const handler = bufferedHandler(handlers);
