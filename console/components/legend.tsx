import { useComputed } from '@preact/signals';
import { kindOf } from '../run/run.ts';
import { runs } from '../state.ts';

/** What hue and line say. Only what the runs have. */
export function Legend() {
  const kinds = useComputed(() => {
    const found = new Map<string, string>();
    for (const { frames, model, private: isPrivate } of runs.value) {
      for (const [member, route] of Object.entries(frames.at(-1)?.routes ?? {})) {
        const kind = kindOf(member, route, model);
        found.set(kind, kind === 'tenant' ? (model.split('+')[1] ?? member) : kind === 'draft' ? member : kind);
      }
      if (isPrivate) found.set('document', 'from the private document');
    }
    return [...found];
  });
  if (runs.value.length === 0) return null;
  return (
    <ul class="legend" aria-label="Legend">
      {kinds.value.map(([kind, name]) => (
        <li key={kind}>
          <span
            class={kind === 'document' ? 'token settled by-tenant of-document' : `token settled by-${kind}`}
            style={{ '--p': 0.7 }}
          >
            word
          </span>{' '}
          {kind === 'core' ? 'as the core would have it' : kind === 'document' ? name : `moved by ${name}`}
        </li>
      ))}
      <li>
        <span class="token draft" style={{ '--p': 0.3 }}>
          word
        </span>{' '}
        draft
      </li>
      <li>
        <span class="token changed" style={{ '--p': 0.3 }}>
          word
        </span>{' '}
        changed at this step
      </li>
      <li class="plain">The line’s length is the probability.</li>
    </ul>
  );
}
