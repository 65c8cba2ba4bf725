/**
 * ONNX Runtime reports each session to its vendor unless it is told not to before its native part is loaded. Imported
 * ahead of the package, so that no process which runs a model can forget it; child processes inherit it.
 */
process.env.ORT_DISABLE_TELEMETRY = '1';
