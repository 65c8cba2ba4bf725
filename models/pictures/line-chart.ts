import { init } from 'echarts';

/** Series of one name share a colour and an entry in the legend. */
export interface Series {
  readonly name: string;
  readonly points: readonly (readonly [number, number])[];
  /** Half the width of each point's interval. */
  readonly margins?: readonly number[];
  readonly dashed?: boolean;
  /** Points by themselves, without a line through them. */
  readonly apart?: boolean;
}

export interface ChartOptions {
  readonly title: string;
  readonly subtitle?: string;
  readonly x: string;
  readonly y: string;
  readonly series: readonly Series[];
  readonly logarithmicX?: boolean;
  readonly logarithmicY?: boolean;
}

const [width, height] = [760, 440];
/** Of the legend: a letter's mean width, what an entry has besides, and the height of a row. */
const [letter, entry, row] = [6.5, 42, 24];
const palette = ['#2f6fb3', '#d1632a', '#3d9260', '#8b5fbf', '#b33a55', '#7a7a3a', '#4a4a4a'];

/** Lines over a number, as the text of an SVG file. */
export function lineChart({ title, subtitle, x, y, series, logarithmicX, logarithmicY }: ChartOptions): string {
  const axis = (name: string, logarithmic = false) => ({
    type: logarithmic ? ('log' as const) : ('value' as const),
    name,
    nameLocation: 'middle' as const,
    scale: true,
    splitLine: { lineStyle: { color: '#e4e4e4' } },
  });
  const names = [...new Set(series.map(({ name }) => name))];
  const legendRows = Math.ceil(names.reduce((sum, { length }) => sum + letter * length + entry, 0) / (width - entry));
  const chart = init(null, null, { renderer: 'svg', ssr: true, width, height });
  chart.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    title: { text: title, subtext: subtitle ?? '', left: 16, top: 8, textStyle: { fontSize: 15 } },
    legend: { bottom: 8, type: 'plain', icon: 'roundRect', itemWidth: 16, itemHeight: 4, itemGap: 18 },
    grid: { left: 70, right: 30, top: subtitle ? 76 : 56, bottom: 68 + row * legendRows },
    xAxis: { ...axis(x, logarithmicX), nameGap: 28 },
    yAxis: { ...axis(y, logarithmicY), nameGap: 48 },
    series: series.flatMap(({ name, points, margins, dashed, apart }) => {
      const color = palette[names.indexOf(name) % palette.length];
      const line = {
        name,
        type: 'line' as const,
        data: points.map((point) => [...point]),
        showSymbol: apart || points.length <= 20,
        ...(apart ? { symbol: 'circle', symbolSize: 9 } : { symbolSize: 6 }),
        itemStyle: { color },
        lineStyle: { color, width: apart ? 0 : 2, type: dashed ? ('dashed' as const) : ('solid' as const) },
      };
      return margins ? [line, ...errorBars(name, points, margins, color)] : [line];
    }),
  });
  const svg = chart.renderToSVGString();
  chart.dispose();
  // What the library adds for pages with a mouse is of no use in a file; a title is, to whoever cannot see it.
  return svg
    .replace(/<style >.*<\/style>\n/s, '')
    .replaceAll(/ class="[^"]*"| pointer-events="[^"]*"/g, '')
    .replace(/^(<svg [^>]*>)/, `$1\n<title>${escapeText(title)}</title>`);
}

function escapeText(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}

/** A vertical stroke a point: a line of two points each, under the legend entry of its series. */
function errorBars(name: string, points: Series['points'], margins: readonly number[], color: string) {
  return points.map(([x, y], i) => ({
    name,
    type: 'line' as const,
    data: [
      [x, y - margins[i]],
      [x, y + margins[i]],
    ],
    symbol: 'none',
    lineStyle: { color, width: 1.2, opacity: 0.7 },
  }));
}
