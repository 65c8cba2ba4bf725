import * as z from 'zod';

/** What StartSyncExecution says of a block's execution that did not succeed, as a state machine gets it. */
export const blockFailureSchema = z
  .looseObject({
    Status: z.string(),
    /** The execution's input, as text. */
    Input: z.string(),
    /** Absent when the execution's time was up. */
    Error: z.string().optional(),
    Cause: z.string().optional(),
  })
  .readonly();
export type BlockFailure = z.infer<typeof blockFailureSchema>;

/** To settle-block. */
export const settlementSchema = z
  .strictObject({
    block: blockFailureSchema,
    /** How often the whole execution was started again by hand. */
    redrives: z.int().nonnegative(),
  })
  .readonly();
