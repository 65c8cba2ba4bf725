import { bufferedHandler } from './buffered-handler.ts';
import { cancelledGeneration, getGeneration } from './generation-routes.ts';
import type { Handlers } from './http.ts';
import { createdModel, gotModel } from './model-routes.ts';
import { getReadiness } from './ready.ts';
import {
  createContext,
  deletedContext,
  getDocument,
  getUsage,
  gotContext,
  listedContexts,
  listModels,
} from './resource-routes.ts';
import { createdUpload, gotUpload } from './upload-routes.ts';

const handlers: Handlers<'api'> = {
  createModel: createdModel,
  getModel: gotModel,
  createUpload: createdUpload,
  getUpload: gotUpload,
  listModels,
  getGeneration,
  cancelGeneration: cancelledGeneration,
  createContext,
  listContexts: listedContexts,
  getContext: gotContext,
  deleteContext: deletedContext,
  getUsage,
  getReadiness,
  getDocument,
};

/** The routes whose answers are there at once. */
export const handler = bufferedHandler(handlers);
