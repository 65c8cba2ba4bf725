/** A dashboard's body, as far as a picture needs it. */
interface Body {
  readonly widgets: readonly {
    readonly type: string;
    readonly width: number;
    readonly height: number;
    readonly x: number;
    readonly y: number;
    readonly properties: {
      readonly title?: string;
      readonly metrics?: readonly (readonly unknown[])[];
      readonly yAxis?: { readonly left?: { readonly label?: string } };
      readonly alarms?: readonly unknown[];
    };
  }[];
}

const [unit, row] = [42, 30];
const columns = 24;
const palette = ['#2f6fb3', '#d1632a', '#3d9260', '#8b5fbf', '#b33a55'];

/** What a dashboard shows and where, as the text of an SVG file: its definition, without any measurements. */
export function dashboardPicture(body: string): string {
  const { widgets } = JSON.parse(body) as Body;
  const bottom = Math.max(...widgets.map(({ y, height }) => y + height));
  const [width, height] = [columns * unit, bottom * row];
  const boxes = widgets.map(({ x, y, width: w, height: h, properties }) => {
    const [left, top] = [x * unit, y * row];
    const { title = '', yAxis, metrics = [], alarms = [] } = properties;
    const label = yAxis?.left?.label;
    const names = [...metrics.filter(isShown).map(labelOf), ...(alarms.length > 0 ? [`${alarms.length} alarms`] : [])];
    const entries = names.map((name, i) => {
      const at = top + 62 + i * 17;
      return `<rect x="${left + 18}" y="${at - 8}" width="12" height="4" fill="${palette[i % palette.length]}"/>${text(left + 36, at - 2, name, 11)}`;
    });
    return [
      `<rect x="${left + 4}" y="${top + 4}" width="${w * unit - 8}" height="${h * row - 8}" rx="6" fill="#ffffff" stroke="#c9ced6"/>`,
      ...wrapped(title, w * unit - 30).map((line, i) => text(left + 16, top + 24 + i * 15, line, 12, 600)),
      ...(label ? [text(left + w * unit - 16, top + h * row - 16, label, 10, 400, 'end')] : []),
      ...entries,
    ].join('\n');
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="sans-serif">`,
    '<title>The dashboard, by its definition</title>',
    `<rect width="${width}" height="${height}" fill="#f2f4f7"/>`,
    ...boxes,
    '</svg>\n',
  ].join('\n');
}

/** Whether a metric is one of the lines, and not only what one is computed from. */
function isShown(metric: readonly unknown[]): boolean {
  const options = metric.at(-1) as { visible?: boolean } | string | undefined;
  return typeof options !== 'object' || options.visible !== false;
}

/** A metric's label: in the last member of its entry, where there is one. */
function labelOf(metric: readonly unknown[]): string {
  const options = metric.at(-1) as { label?: string } | string | undefined;
  if (typeof options === 'object' && options.label !== undefined) return options.label;
  return String(metric[1]);
}

function wrapped(title: string, width: number): string[] {
  const most = Math.floor(width / 7.4);
  const lines = [''];
  for (const word of title.split(' ')) {
    const last = lines.length - 1;
    if (lines[last].length + word.length + 1 > most) lines.push(word);
    else lines[last] = `${lines[last]} ${word}`.trim();
  }
  return lines;
}

function text(x: number, y: number, content: string, size: number, weight = 400, anchor = 'start'): string {
  const escaped = content.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text x="${x}" y="${y}" font-size="${size}" font-weight="${weight}" text-anchor="${anchor}" fill="#1d2733">${escaped}</text>`;
}
