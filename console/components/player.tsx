import { settings } from '../state.ts';
import { Stage } from './app.tsx';
import { Mark } from './icons.tsx';

/** What a one-file page shows: a run, or two, and nothing that asks a service. */
export function Player({ single }: { single: boolean }) {
  const { seed } = settings.value;
  return (
    <>
      <header class="page-header">
        <span class="brand">
          <Mark />
          <span>Slingshot</span>
        </span>
        <span class="about">a recorded run, seed {seed}</span>
      </header>
      <main>
        <Stage single={single} />
      </main>
    </>
  );
}
