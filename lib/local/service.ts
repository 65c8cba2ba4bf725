/** A stand-in for one service of AWS, on loopback. */
export interface LocalService {
  /** What a process must have in its environment for its SDK clients to call the stand-in. */
  readonly environment: Readonly<Record<string, string>>;
  stop(): Promise<void>;
}
