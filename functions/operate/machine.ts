import {
  DescribeStateMachineCommand,
  GetExecutionHistoryCommand,
  ListExecutionsCommand,
  SFNClient,
} from '@aws-sdk/client-sfn';
import type { ApiMachine } from '../contracts/api/operations.ts';
import { connections } from '../shared/connections.ts';

let client: SFNClient | undefined;

/** Events back from the last one among which an execution's state was entered: a task's take three each try. */
const lastEvents = 25;
/** The most that one call lists. */
const mostListed = 1000;

/** A state machine's definition, and in which state its executions are. @param most executions whose state is asked for */
export async function machineOf(stateMachineArn: string, most: number): Promise<ApiMachine> {
  client ??= new SFNClient({ requestHandler: connections });
  const list = new ListExecutionsCommand({ stateMachineArn, statusFilter: 'RUNNING', maxResults: mostListed });
  const [{ definition = '{}' }, { executions = [] }] = await Promise.all([
    client.send(new DescribeStateMachineCommand({ stateMachineArn })),
    client.send(list),
  ]);
  const names = await Promise.all(
    executions.slice(0, most).map(({ executionArn = '' }) => stateOf(client as SFNClient, executionArn)),
  );
  const states: Record<string, number> = {};
  for (const name of names) if (name !== undefined) states[name] = (states[name] ?? 0) + 1;
  const counted = names.filter((name) => name !== undefined).length;
  return { definition: JSON.parse(definition), running: executions.length, counted, states };
}

/** The state that an execution is in; undefined when it has ended since. */
async function stateOf(sfn: SFNClient, executionArn: string): Promise<string | undefined> {
  const history = new GetExecutionHistoryCommand({
    executionArn,
    reverseOrder: true,
    maxResults: lastEvents,
    includeExecutionData: false,
  });
  try {
    const { events = [] } = await sfn.send(history);
    return events.find(({ stateEnteredEventDetails }) => stateEnteredEventDetails)?.stateEnteredEventDetails?.name;
  } catch (error) {
    if ((error as Error).name === 'ExecutionDoesNotExist') return undefined;
    throw error;
  }
}
