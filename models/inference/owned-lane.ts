import type { LaneStep } from '../ssd2/step.ts';

/** A lane of a pass in which lanes of several owners are: whose it is. */
export interface OwnedLane extends LaneStep {
  readonly owner: string;
}

/** @param owner of the lanes that do not say it themselves */
export function ownerOfLane(lane: LaneStep | OwnedLane, owner: string): string {
  return 'owner' in lane ? lane.owner : owner;
}
