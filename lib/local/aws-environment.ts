import { randomBytes } from 'node:crypto';
import { devNull } from 'node:os';
import type { LocalService } from './service.ts';

/** Handlers are silent on stdout, which is the caller's. */
const quiet = {
  POWERTOOLS_METRICS_DISABLED: 'true',
  POWERTOOLS_TRACE_ENABLED: 'false',
  // Otherwise X-Ray's SDK follows every asynchronous call of the process.
  AWS_XRAY_MANUAL_MODE: 'true',
};

const replaced = (name: string) => name.startsWith('AWS_') || name.startsWith('POWERTOOLS_');

/**
 * This process' settings for the SDK's clients: in the place of whatever it had (profile, session, endpoints,
 * configuration and credential files), so that a local run never reads those of its user, let alone starts a process
 * that makes credentials.
 */
export class LocalAws {
  /** Those of this process' clients, and those that open everything here; new at each start. */
  readonly credentials = newCredentials('local');
  readonly operator = newCredentials('operator');
  readonly #before = Object.entries(process.env).filter(([name]) => replaced(name));

  /** @param logsFailures whether functions say on stderr what failed */
  constructor(logsFailures = false) {
    clear();
    Object.assign(process.env, quiet, {
      POWERTOOLS_LOG_LEVEL: logsFailures ? 'ERROR' : 'SILENT',
      AWS_ACCESS_KEY_ID: this.credentials.accessKeyId,
      AWS_SECRET_ACCESS_KEY: this.credentials.secretAccessKey,
      AWS_REGION: 'local',
      AWS_CONFIG_FILE: devNull,
      AWS_SHARED_CREDENTIALS_FILE: devNull,
      AWS_EC2_METADATA_DISABLED: 'true',
    });
  }

  add({ environment }: LocalService): void {
    Object.assign(process.env, environment);
  }

  /** Puts the user's settings back. */
  restore(): void {
    clear();
    Object.assign(process.env, Object.fromEntries(this.#before));
  }
}

function newCredentials(accessKeyId: string) {
  return { accessKeyId, secretAccessKey: randomBytes(30).toString('base64url') };
}

function clear(): void {
  for (const name of Object.keys(process.env).filter(replaced)) delete process.env[name];
}
