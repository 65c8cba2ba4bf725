import type { ComponentChildren } from 'preact';

/** A column's heading, where it is more than a name. */
interface Column {
  readonly name: string;
  readonly number?: boolean;
  /** Told to who can't see it alone: what is in the column speaks for itself. */
  readonly hidden?: boolean;
}

interface TableProps {
  readonly name: string;
  readonly columns: readonly (string | Column)[];
  /** Its rows. */
  readonly children: ComponentChildren;
}

/** A table, which may be wider than a phone: it scrolls by itself, by keys, too. */
export function Table({ name, columns, children }: TableProps) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, so keys must reach it
    <section class="table" aria-label={`${name}, as a table`} tabIndex={0}>
      <table>
        <caption class="visually-hidden">{name}</caption>
        <thead>
          <tr>
            {columns.map((column) => {
              const { name, number, hidden }: Column = typeof column === 'string' ? { name: column } : column;
              return (
                <th key={name} scope="col" class={number ? 'number' : undefined}>
                  {hidden ? <span class="visually-hidden">{name}</span> : name}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </section>
  );
}
