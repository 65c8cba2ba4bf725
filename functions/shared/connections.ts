/** Of one client. */
const sockets = { maxSockets: 2_000 };

/**
 * The SDK's request handler for every client: in Lambda a client has a request or a few at a time, but where all
 * functions share a process it has all callers' at once, and the SDK's 50 sockets would let them wait for each other.
 */
export const connections = { httpAgent: sockets, httpsAgent: sockets };
