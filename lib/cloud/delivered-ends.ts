/** How an execution ends of which its generation must be told; one that succeeded has put its own end down. */
export const deliveredEnds = ['FAILED', 'TIMED_OUT', 'ABORTED'];
