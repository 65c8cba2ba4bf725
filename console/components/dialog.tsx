import { signal } from '@preact/signals';
import type { ComponentChildren } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import { Close } from './icons.tsx';

export const dialogs = ['key', 'request', 'document'] as const;
export type DialogName = (typeof dialogs)[number];

const open = signal<DialogName | undefined>(undefined);

export function openDialog(name: DialogName): void {
  open.value = name;
}

export function closeDialog(): void {
  open.value = undefined;
}

/** A modal of the browser's own: it keeps the focus, closes by Escape, and gives the focus back. */
export function Dialog({ name, title, children }: { name: DialogName; title: string; children: ComponentChildren }) {
  const place = useRef<HTMLDialogElement>(null);
  const isOpen = open.value === name;
  useEffect(() => {
    if (isOpen) place.current?.showModal();
  }, [isOpen]);
  if (!isOpen) return null;
  return (
    <dialog ref={place} aria-labelledby={`dialog-${name}`} {...{ closedby: 'any' }} onClose={closeDialog}>
      <div class="dialog">
        <header>
          <h2 id={`dialog-${name}`}>{title}</h2>
          <button type="button" class="icon" aria-label="Close" onClick={closeDialog}>
            <Close />
          </button>
        </header>
        {children}
      </div>
    </dialog>
  );
}
