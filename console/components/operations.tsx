import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ApiFleet, ApiMachine, TenantList } from '../../functions/contracts/api/operations.ts';
import { client } from '../key.ts';
import { NeedsKey } from './needs-key.tsx';
import { StateGraph } from './state-graph.tsx';
import { Table } from './table.tsx';

const number = new Intl.NumberFormat('en');
const short = new Intl.NumberFormat('en', { notation: 'compact', maximumFractionDigits: 1 });

type Tenant = TenantList['data'][number];

/** How much of a limit is taken. */
function Share({ used, limit, name }: { used: number; limit: number | undefined; name: string }) {
  const share = limit ? Math.min(1, used / limit) : 0;
  return (
    <span class={share > 0.9 ? 'share-bar near' : 'share-bar'} style={{ '--at': share }}>
      <span class="visually-hidden">{name}: </span>
      {short.format(used)}
      {limit === undefined ? '' : ` of ${short.format(limit)}`}
    </span>
  );
}

function Tenants({ list }: { list: readonly Tenant[] }) {
  return (
    <Table
      name="Tenants"
      columns={[
        'Tenant',
        'Tier',
        { name: 'Keys', number: true },
        'Requests today',
        'Tokens today',
        'Steps today',
        'In flight',
      ]}
    >
      {list.map(({ name, tier, status, keys, today, limits, generations }) => (
        <tr key={name}>
          <th scope="row">
            {name}
            {status === 'active' ? null : <span class="status"> {status}</span>}
          </th>
          <td>{tier}</td>
          <td class="number">{number.format(keys)}</td>
          <td>
            <Share name="Requests" used={today.requests} limit={limits?.requests} />
          </td>
          <td>
            <Share name="Tokens" used={today.tokens} limit={limits?.tokens} />
          </td>
          <td>
            <Share name="Steps" used={today.steps} limit={limits?.steps} />
          </td>
          <td>
            <Share name="Generations" used={generations.length} limit={limits?.generations} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Live({ list }: { list: readonly Tenant[] }) {
  const all = list.flatMap(({ name, generations }) => generations.map((generation) => ({ name, ...generation })));
  if (all.length === 0) return <p class="nothing">Nothing is in flight.</p>;
  const now = Date.now() / 1000;
  return (
    <ul class="in-flight">
      {all.map(({ name, id, started }) => (
        <li key={id}>
          <b>{name}</b> <code>{id}</code> <span>for {number.format(Math.max(0, Math.round(now - started)))} s</span>
        </li>
      ))}
    </ul>
  );
}

function Fleet({ fleet: { cores, tenants } }: { fleet: ApiFleet }) {
  const rows = [
    ...cores.map((core) => ({ ...core, role: 'core' })),
    ...tenants.map((tenant) => ({ ...tenant, role: 'tenant' })),
  ];
  return (
    <Table name="Models" columns={['Name', 'Role', 'Who answers, by timestep']}>
      {rows.map(({ name, role, routes }) => (
        <tr key={`${role} ${name}`}>
          <th scope="row">{name}</th>
          <td>{role}</td>
          <td>
            {routes.map(({ from, to, model }) => (
              <span key={from} class={`route by-${role}`}>
                <code>{model}</code> {from === 0 && to === 1 ? 'always' : `(${from}, ${to}]`}
              </span>
            ))}
          </td>
        </tr>
      ))}
    </Table>
  );
}

const everyMilliseconds = 2_000;

/** For operators: who there is, what they use, what runs, and where. */
export function Operations() {
  const tenants = useSignal<readonly Tenant[] | undefined>(undefined);
  const more = useSignal(false);
  const fleet = useSignal<ApiFleet | undefined>(undefined);
  const machine = useSignal<ApiMachine | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const api = client.value;
  useEffect(() => {
    if (!api) return undefined;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let gone = false;
    const look = async () => {
      try {
        const [list, now] = await Promise.all([api.tenants(), api.stateMachine()]);
        fleet.value ??= await api.fleet();
        tenants.value = list.data;
        more.value = list.has_more;
        machine.value = now;
        problem.value = undefined;
      } catch (error) {
        problem.value = (error as Error).message;
      }
      if (!gone && !document.hidden) timer = setTimeout(look, everyMilliseconds);
    };
    const onVisible = () => {
      clearTimeout(timer);
      if (!document.hidden) void look();
    };
    document.addEventListener('visibilitychange', onVisible);
    void look();
    return () => {
      gone = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [api]);
  if (!api) return <NeedsKey what="tenants, quotas and what is in flight, to keys of the scope operate" />;
  return (
    <main class="page">
      <h1>Operations</h1>
      {problem.value === undefined ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      {tenants.value && machine.value ? (
        <>
          <section class="panel" aria-labelledby="machine">
            <h2 id="machine">
              A generation’s states <span class="status">{number.format(machine.value.running)} in flight</span>
            </h2>
            <StateGraph machine={machine.value} />
            <Live list={tenants.value} />
          </section>
          <section class="panel" aria-labelledby="tenants">
            <h2 id="tenants">Tenants</h2>
            <Tenants list={tenants.value} />
            {more.value ? <p class="nothing">There are more; slingshot tenants list shows all.</p> : null}
          </section>
          {fleet.value ? (
            <section class="panel" aria-labelledby="fleet">
              <h2 id="fleet">Models</h2>
              <Fleet fleet={fleet.value} />
            </section>
          ) : null}
        </>
      ) : problem.value === undefined ? (
        <p class="nothing">Asking …</p>
      ) : null}
    </main>
  );
}
