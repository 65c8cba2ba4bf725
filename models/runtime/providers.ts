/** Where ONNX Runtime executes a graph. */
export const executionProviders = ['cpu', 'webgpu', 'cuda'] as const;
export type ExecutionProvider = (typeof executionProviders)[number];
