import type { JSX } from 'preact';
import { shownDocument } from '../shown-runs.ts';
import { type View, view } from '../views.ts';
import { Account } from './account.tsx';
import { Batches } from './batches.tsx';
import { ColumnView } from './column.tsx';
import { Composer } from './composer.tsx';
import { DocumentDialog } from './document-dialog.tsx';
import { Header } from './header.tsx';
import { Inspector } from './inspector.tsx';
import { KeyDialog } from './key-dialog.tsx';
import { Legend } from './legend.tsx';
import { Operations } from './operations.tsx';
import { RequestDialog } from './request-dialog.tsx';
import { Strips } from './strips.tsx';
import { Transport } from './transport.tsx';

/** Two columns, and what there is to see of them at a step. */
export function Stage({ single = false }: { single?: boolean }) {
  return (
    <>
      {shownDocument.value === undefined ? null : (
        <figure class="document">
          <figcaption>What the tenant’s model reads, and the core does not</figcaption>
          <blockquote>{shownDocument.value}</blockquote>
        </figure>
      )}
      <div class={single ? 'columns single' : 'columns'}>
        <ColumnView side={0} />
        {single ? null : <ColumnView side={1} />}
      </div>
      <Inspector />
      <Transport />
      <Legend />
      <Strips />
    </>
  );
}

function Compare() {
  return (
    <main>
      <h1 class="lead">
        A large model writes. A small one, made of a tenant’s own text, corrects it <em>at every step</em>.
      </h1>
      <Composer />
      <Stage />
    </main>
  );
}

const pages: Readonly<Record<View, () => JSX.Element>> = {
  '': () => <Compare />,
  batches: () => <Batches />,
  account: () => <Account />,
  operations: () => <Operations />,
};

export function App() {
  return (
    <>
      <Header />
      {pages[view.value]()}
      <KeyDialog />
      <RequestDialog />
      <DocumentDialog />
    </>
  );
}
