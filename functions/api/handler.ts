import { cancelledBatch, createdBatch, gotBatch, listedBatches, resumedBatch } from './batch-routes.ts';
import { bufferedHandler } from './buffered-handler.ts';
import { createdFile, deletedFile, gotFile, listedFiles } from './file-routes.ts';
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
  createFile: createdFile,
  listFiles: listedFiles,
  getFile: gotFile,
  deleteFile: deletedFile,
  createBatch: createdBatch,
  listBatches: listedBatches,
  getBatch: gotBatch,
  cancelBatch: cancelledBatch,
  resumeBatch: resumedBatch,
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
