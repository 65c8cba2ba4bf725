import { useSignal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';
import type { ApiBatch as Batch } from '../../functions/contracts/api/batches.ts';
import { saveAs } from '../download.ts';
import { client } from '../key.ts';
import { NeedsKey } from './needs-key.tsx';

const endpoints = ['/v1/completions', '/v1/chat/completions'] as const;
type Endpoint = (typeof endpoints)[number];

const over: readonly string[] = ['completed', 'failed', 'expired', 'cancelled'];

/** Whether nothing of a batch will change by itself. */
const isOver = ({ status }: Pick<Batch, 'status'>) => over.includes(status);

const number = new Intl.NumberFormat('en');

function Progress({ batch: { id, status, request_counts: counts } }: { batch: Batch }) {
  const { total, completed, failed } = counts;
  const done = completed + failed;
  return (
    <div class="progress">
      <progress max={Math.max(1, total)} value={done} aria-label={`Rows of ${id}`} />
      <span>
        {status.replaceAll('_', ' ')}
        {total > 0 ? ` · ${number.format(done)} of ${number.format(total)} rows` : ''}
        {failed > 0 ? ` · ${number.format(failed)} failed` : ''}
      </span>
    </div>
  );
}

interface RowProps {
  readonly batch: Batch;
  readonly act: (what: 'cancel' | 'resume', id: string) => void;
  readonly save: (file: string, name: string) => void;
}

function Row({ batch, act, save }: RowProps) {
  const { id, status, created_at, output_file_id: output, error_file_id: failures, errors } = batch;
  const made = new Date(1000 * created_at).toLocaleString('en-GB', { dateStyle: 'medium', timeStyle: 'short' });
  return (
    <li>
      <div class="batch-head">
        <code>{id}</code>
        <span class="status">{made}</span>
      </div>
      <Progress batch={batch} />
      {errors?.data.length ? (
        <p class="problem">
          {errors.data
            .slice(0, 3)
            .map(({ line, message }) => (line === null ? message : `line ${line}: ${message}`))
            .join('; ')}
        </p>
      ) : null}
      <div class="row">
        {output ? (
          <button type="button" class="quiet" onClick={() => save(output, `${id}-output.jsonl`)}>
            Download results
          </button>
        ) : null}
        {failures ? (
          <button type="button" class="quiet" onClick={() => save(failures, `${id}-errors.jsonl`)}>
            Download errors
          </button>
        ) : null}
        {isOver(batch) ? null : (
          <button type="button" class="quiet" aria-label={`Cancel ${id}`} onClick={() => act('cancel', id)}>
            Cancel
          </button>
        )}
        {['failed', 'expired', 'cancelled'].includes(status) ? (
          <button type="button" class="quiet" aria-label={`Resume ${id}`} onClick={() => act('resume', id)}>
            Do what is left
          </button>
        ) : null}
      </div>
    </li>
  );
}

/** Where a file of rows is dropped, or chosen. */
function Drop({ busy, take }: { busy: boolean; take: (file: File, endpoint: Endpoint) => void }) {
  const over = useSignal(false);
  const endpoint = useSignal<Endpoint>(endpoints[0]);
  const input = useRef<HTMLInputElement>(null);
  const given = (files: FileList | null | undefined) => {
    const [file] = files ?? [];
    if (file) take(file, endpoint.value);
  };
  return (
    // biome-ignore lint/a11y/noStaticElementInteractions: the button in it does the same for who drops nothing
    <div
      class={over.value ? 'drop over' : 'drop'}
      onDragOver={(event) => {
        event.preventDefault();
        over.value = true;
      }}
      onDragLeave={() => {
        over.value = false;
      }}
      onDrop={(event) => {
        event.preventDefault();
        over.value = false;
        given(event.dataTransfer?.files);
      }}
    >
      <p>
        Drop a file of rows here: <code>.jsonl</code>, or <code>.jsonl.gz</code>, in OpenAI’s form or as plain{' '}
        <code>{'{"prompt": …}'}</code>.
      </p>
      <div class="row">
        <button type="button" class="primary" disabled={busy} onClick={() => input.current?.click()}>
          {busy ? 'Sending …' : 'Choose a file'}
        </button>
        <label class="field inline">
          <span>Rows ask</span>
          <select
            value={endpoint.value}
            onChange={({ currentTarget }) => {
              endpoint.value = currentTarget.value as Endpoint;
            }}
          >
            {endpoints.map((name) => (
              <option key={name}>{name}</option>
            ))}
          </select>
        </label>
      </div>
      <input
        ref={input}
        type="file"
        class="visually-hidden"
        tabIndex={-1}
        aria-label="File of rows"
        accept=".jsonl,.gz,application/jsonl"
        onChange={({ currentTarget }) => {
          given(currentTarget.files);
          currentTarget.value = '';
        }}
      />
    </div>
  );
}

/** What a request carries; larger files go to the bucket itself, another origin. */
const largestFile = 4 * 2 ** 20;

const everyMilliseconds = 1_500;

/** Files of prompts in, files of results out. */
export function Batches() {
  const batches = useSignal<readonly Batch[] | undefined>(undefined);
  const problem = useSignal<string | undefined>(undefined);
  const busy = useSignal(false);
  const api = client.value;
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined);
  const attempt = async (act: () => Promise<unknown>) => {
    try {
      await act();
      problem.value = undefined;
    } catch (error) {
      problem.value = (error as Error).message;
    }
  };
  const look = async () => {
    clearTimeout(timer.current);
    if (!api) return;
    await attempt(async () => {
      batches.value = await api.batches();
    });
    const moves = batches.value?.some((batch) => !isOver(batch));
    if (moves && !document.hidden) timer.current = setTimeout(look, everyMilliseconds);
  };
  useEffect(() => {
    void look();
    const onVisible = () => void look();
    document.addEventListener('visibilitychange', onVisible);
    return () => {
      clearTimeout(timer.current);
      document.removeEventListener('visibilitychange', onVisible);
    };
  }, [api]);
  if (!api) return <NeedsKey what="batches: files of prompts that become files of results" />;
  const take = async (file: File, endpoint: Endpoint) => {
    if (file.size > largestFile) {
      problem.value = `${file.name} has more than 4 MiB, which a page does not send; npx slingshot batch does.`;
      return;
    }
    busy.value = true;
    await attempt(() => api.startBatch(file, endpoint));
    busy.value = false;
    const said = problem.value;
    await look();
    problem.value ??= said;
  };
  return (
    <main class="page">
      <h1>Batches</h1>
      {problem.value === undefined ? null : (
        <p class="problem" role="alert">
          {problem.value}
        </p>
      )}
      <Drop busy={busy.value} take={(file, endpoint) => void take(file, endpoint)} />
      <section class="panel" aria-label="Batches">
        {batches.value === undefined ? (
          <p class="nothing">Asking …</p>
        ) : batches.value.length === 0 ? (
          <p class="nothing">There is none yet. Each row of a file has the text that it would have alone.</p>
        ) : (
          <ul class="batches">
            {batches.value.map((batch) => (
              <Row
                key={batch.id}
                batch={batch}
                act={(what, id) =>
                  void attempt(() => (what === 'cancel' ? api.cancelBatch(id) : api.resumeBatch(id))).then(look)
                }
                save={(file, name) => void attempt(async () => saveAs(await api.fileContent(file), name))}
              />
            ))}
          </ul>
        )}
      </section>
    </main>
  );
}
