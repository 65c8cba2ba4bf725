/** The errors that an execution can fail with; Step Functions sees their names. */

abstract class NamedError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    // Step Functions and the retry policies go by this.
    this.name = new.target.name;
  }
}

/** The caller asked for something that cannot be done. */
export class InvalidRequest extends NamedError {}

/** A model that was sent cannot be served. */
export class InvalidModel extends NamedError {}

/** Nobody who may call: API Gateway answers 401 to a message of this one word. */
export class Unauthorized extends NamedError {
  constructor() {
    super('Unauthorized');
  }
}

/** A state was handed something that breaks its contract: a fault in Slingshot, not the caller's. */
export class ContractViolation extends NamedError {}

/** An endpoint is not there, not ready or failed; worth another try. */
export class EndpointUnavailable extends NamedError {}

/** A model has no copy at the moment, which this call makes come back; worth another try in a minute. */
export class EndpointWaking extends NamedError {}

/** An endpoint did not answer in time. */
export class EndpointTimeout extends NamedError {}

/** An endpoint refused the request as malformed. */
export class EndpointRejected extends NamedError {}

/** An endpoint answered something else than it was asked for: no log-probabilities, of another step or another model. */
export class BadAnswer extends NamedError {}

/** Bucket or table did not take or give something, or gave only a part of it; worth another try. */
export class StoreUnavailable extends NamedError {}

/** Bucket or table refused: something is not there, or may not be read or written. */
export class StoreRejected extends NamedError {}

/** A function had no more time; worth another try. */
export class FunctionTimeout extends NamedError {
  constructor() {
    super('the function had no more time');
  }
}

/** Nobody wants a generation's text any more. */
export class Cancelled extends NamedError {}
