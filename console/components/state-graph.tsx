import type { ApiMachine } from '../../functions/contracts/api/operations.ts';
import { edgesOf, layersOf } from '../state-graph.ts';

const nodeWidth = 150;
const nodeHeight = 46;
const gapX = 34;
const gapY = 40;
const margin = 4;

interface Place {
  readonly x: number;
  readonly y: number;
}

/** To a later layer. */
function down(ax: number, ay: number, bx: number, by: number): string {
  const from = ay + nodeHeight;
  return `M${ax} ${from}C${ax} ${from + gapY * 0.6} ${bx} ${by - gapY * 0.6} ${bx} ${by - 2}`;
}

/** To a state of the same layer. */
function across(a: Place, b: Place): string {
  const y = a.y + nodeHeight / 2;
  return a.x < b.x ? `M${a.x + nodeWidth} ${y}H${b.x - 2}` : `M${a.x} ${y}H${b.x + nodeWidth + 2}`;
}

/** To an earlier layer, by the side. */
function back(a: Place, b: Place, side: number): string {
  const [from, to] = [a.y + nodeHeight / 2, b.y + nodeHeight / 2];
  const end = b.x + nodeWidth + 2;
  return `M${a.x + nodeWidth} ${from}C${side} ${from} ${side} ${from} ${side} ${(from + to) / 2}S${side} ${to} ${end} ${to}`;
}

/** A state machine as its definition has it, and on each state how many executions are in it. */
export function StateGraph({ machine: { definition, states } }: { machine: ApiMachine }) {
  const layers = layersOf(definition);
  const widest = Math.max(1, ...layers.map((layer) => layer.length));
  // Ways back go around the right side.
  const width = widest * (nodeWidth + gapX) + gapX + 2 * margin;
  const height = layers.length * (nodeHeight + gapY) - gapY + 2 * margin;
  const places = new Map(
    layers.flatMap((layer, row) => {
      const indent = (width - (layer.length * (nodeWidth + gapX) - gapX)) / 2;
      return layer.map((name, i) => [
        name,
        { x: indent + i * (nodeWidth + gapX), y: margin + row * (nodeHeight + gapY), row },
      ]);
    }),
  );
  const said = Object.entries(states).map(([name, count]) => `${count} in ${name}`);
  return (
    <div class="graph">
      <svg
        viewBox={`0 0 ${width} ${height}`}
        role="img"
        aria-label={`State machine; ${said.join(', ') || 'nothing in flight'}`}
      >
        <defs>
          <marker
            id="tip"
            viewBox="0 0 8 8"
            refX="7"
            refY="4"
            markerWidth="7"
            markerHeight="7"
            orient="auto-start-reverse"
          >
            <path d="M0 0.8L7 4L0 7.2z" class="tip" />
          </marker>
        </defs>
        {edgesOf(definition).map(({ from, to, kind }) => {
          const a = places.get(from);
          const b = places.get(to);
          if (!a || !b) return null;
          const [ax, bx] = [a.x + nodeWidth / 2, b.x + nodeWidth / 2];
          const path =
            b.row > a.row ? down(ax, a.y, bx, b.y) : b.row === a.row ? across(a, b) : back(a, b, width - margin);
          return <path key={`${from} ${to} ${kind}`} d={path} class={`edge ${kind}`} marker-end="url(#tip)" />;
        })}
        {[...places].map(([name, { x, y }]) => {
          const count = states[name] ?? 0;
          return (
            <g key={name} class={count > 0 ? 'node busy' : 'node'} transform={`translate(${x} ${y})`}>
              <rect width={nodeWidth} height={nodeHeight} rx={10} />
              <text x={nodeWidth / 2} y={count > 0 ? 19 : 27}>
                {name}
              </text>
              {count > 0 ? (
                <text x={nodeWidth / 2} y={36} class="count">
                  {count}
                </text>
              ) : null}
            </g>
          );
        })}
      </svg>
    </div>
  );
}
