import { useSignal } from '@preact/signals';
import { useEffect } from 'preact/hooks';
import type { ApiContext, UsageReport } from '../../functions/contracts/api/resources.ts';
import { client } from '../key.ts';
import { Keys } from './keys.tsx';
import { NeedsKey } from './needs-key.tsx';
import { Table } from './table.tsx';

type Rows = UsageReport['data'];

const number = new Intl.NumberFormat('en');
const shortDay = (day: string) => `${Number(day.slice(8))}.${Number(day.slice(5, 7))}.`;

/** The last days up to today, by UTC, whether or not something was used. */
function lastDays(count: number): string[] {
  const today = Date.now();
  return Array.from({ length: count }, (_, i) =>
    new Date(today - (count - 1 - i) * 86_400_000).toISOString().slice(0, 10),
  );
}

const days = 30;
const chartHeight = 120;

function UsageChart({ rows }: { rows: Rows }) {
  const all = lastDays(days);
  const tokensOf = (day: string) => rows.filter((row) => row.day === day).reduce((sum, { tokens }) => sum + tokens, 0);
  const values = all.map(tokensOf);
  const most = Math.max(1, ...values);
  const total = values.reduce((sum, value) => sum + value, 0);
  return (
    <figure class="usage-chart">
      <figcaption>
        <b>{number.format(total)} tokens</b>{' '}
        <span>
          in {days} days; at most {number.format(most)} a day
        </span>
      </figcaption>
      <svg
        viewBox={`0 0 ${days} ${chartHeight}`}
        {...{ preserveAspectRatio: 'none', height: chartHeight }}
        aria-hidden="true"
      >
        {values.map((value, i) => {
          const height = value === 0 ? 1 : Math.max(2, (value / most) * chartHeight);
          return (
            <rect
              key={all[i]}
              {...{ x: i + 0.12, y: chartHeight - height, width: 0.76, height }}
              class={value === 0 ? 'none' : 'some'}
            >
              <title>{`${all[i]}: ${number.format(value)} tokens`}</title>
            </rect>
          );
        })}
      </svg>
      <div class="axis" aria-hidden="true">
        <span>{shortDay(all[0])}</span>
        <span>{shortDay(all[all.length - 1])}</span>
      </div>
    </figure>
  );
}

/** By model and key, over all days. */
function UsageTable({ rows }: { rows: Rows }) {
  const groups = new Map<string, { model: string; key: string; generations: number; tokens: number; steps: number }>();
  for (const { model, key, generations, tokens, steps } of rows) {
    const name = `${model} ${key}`;
    const group = groups.get(name) ?? { model, key, generations: 0, tokens: 0, steps: 0 };
    group.generations += generations;
    group.tokens += tokens;
    group.steps += steps;
    groups.set(name, group);
  }
  if (groups.size === 0) return <p class="nothing">Nothing was used in the last {days} days.</p>;
  return (
    <Table
      name="Usage by model and key"
      columns={[
        'Model',
        'Key',
        { name: 'Generations', number: true },
        { name: 'Tokens', number: true },
        { name: 'Steps', number: true },
      ]}
    >
      {[...groups].map(([name, { model, key, generations, tokens, steps }]) => (
        <tr key={name}>
          <td>{model}</td>
          <td>
            <code>{key}</code>
          </td>
          <td class="number">{number.format(generations)}</td>
          <td class="number">{number.format(tokens)}</td>
          <td class="number">{number.format(steps)}</td>
        </tr>
      ))}
    </Table>
  );
}

const moment = (seconds: number) =>
  new Date(1000 * seconds).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });

function Contexts({ list, forget }: { list: readonly ApiContext[]; forget: (id: string) => void }) {
  if (list.length === 0) {
    return (
      <p class="nothing">There is none. One that you use on the first page is kept for an hour, and shown here.</p>
    );
  }
  return (
    <Table
      name="Private documents"
      columns={['Document', { name: 'Tokens', number: true }, 'Kept until', { name: 'Forget', hidden: true }]}
    >
      {list.map(({ id, tokens, expires }) => (
        <tr key={id}>
          <td>
            <code>{id}</code>
          </td>
          <td class="number">{number.format(tokens)}</td>
          <td>{moment(expires)}</td>
          <td class="number">
            <button type="button" class="quiet" aria-label={`Forget ${id}`} onClick={() => forget(id)}>
              Forget
            </button>
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** What the key's tenant used, and what is kept for it. */
export function Account() {
  const usage = useSignal<Rows | undefined>(undefined);
  const contexts = useSignal<readonly ApiContext[] | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const api = client.value;
  const load = async () => {
    if (!api) return;
    try {
      [usage.value, contexts.value] = await Promise.all([api.usage(), api.contexts()]);
      problem.value = undefined;
    } catch (error) {
      problem.value = (error as Error).message;
    }
  };
  useEffect(() => {
    void load();
  }, [api]);
  const forget = async (id: string) => {
    try {
      await api?.deleteContext(id);
    } catch (error) {
      problem.value = (error as Error).message;
    }
    await load();
  };
  if (!api) return <NeedsKey what="what your tenant used, and the documents that are kept for it" />;
  return (
    <main class="page">
      <h1>Usage, keys and documents</h1>
      {problem.value === undefined ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <section class="panel" aria-labelledby="usage">
        <h2 id="usage">Usage</h2>
        {usage.value ? (
          <>
            <UsageChart rows={usage.value} />
            <UsageTable rows={usage.value} />
          </>
        ) : (
          <p class="nothing">Asking …</p>
        )}
      </section>
      <Keys />
      <section class="panel" aria-labelledby="documents">
        <h2 id="documents">Private documents</h2>
        {contexts.value ? (
          <Contexts list={contexts.value} forget={(id) => void forget(id)} />
        ) : (
          <p class="nothing">Asking …</p>
        )}
      </section>
    </main>
  );
}
