import { type Endpoint, endpointName } from '../models/ssd2/routing.ts';

interface Placed {
  readonly endpoint: Endpoint;
}

/** Where a process answers, which may serve several models. */
export function processName({ adapter, version, ...place }: Endpoint): string {
  return endpointName(place);
}

/** Models by the process that serves them. */
export function processesOf<Model extends Placed>(models: readonly Model[]): (readonly Model[])[] {
  return [...Map.groupBy(models, ({ endpoint }) => processName(endpoint)).values()];
}

/** The models of a process that serves several, as it is told them; nothing for one that serves one. */
export function adaptersOf(models: readonly Placed[]): readonly string[] | undefined {
  const names = models.flatMap(({ endpoint: { adapter } }) => adapter ?? []);
  return names.length > 0 ? names : undefined;
}

/**
 * Which models share a process: adapters over one base that some core's table has together. Those of cores that have no
 * model in common stay apart, so that one core can come and go beside another.
 *
 * @param tables the models of each core
 * @param baseOf where a model's base lies, or what tells it from all others where it has none
 */
export function sharedProcesses(
  tables: readonly (readonly string[])[],
  baseOf: (name: string) => string,
): (readonly string[])[] {
  let groups: (readonly string[])[] = [];
  for (const table of tables) {
    for (const names of Map.groupBy(table, baseOf).values()) {
      const touching = groups.filter((group) => group.some((name) => names.includes(name)));
      const apart = groups.filter((group) => !touching.includes(group));
      groups = [...apart, [...new Set([...touching.flat(), ...names])]];
    }
  }
  return groups;
}
