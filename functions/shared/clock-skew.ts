/** How AWS refuses a request whose signature is of another time than its own. */
const skewed = /^(RequestTimeTooSkewed|RequestExpired|RequestInTheFuture|InvalidSignatureException)$/;

/** Calls once more where the clocks differed: by the refusal, the SDK has set its own right. */
export async function withClockSet<T>(act: () => Promise<T>): Promise<T> {
  try {
    return await act();
  } catch (error) {
    if (skewed.test((error as Error).name)) return act();
    throw error;
  }
}
