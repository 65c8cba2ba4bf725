const [quote, backslash] = ['"'.charCodeAt(0), '\\'.charCodeAt(0)];

/** Of a string that is not asked for, characters that are kept to tell keys by; of the rest of a row, all that may be. */
const [keptOfStrings, keptInAll] = [2 ** 10, 2 ** 20];

/**
 * Takes one member's string out of a JSON object that arrives in parts and is too long to be parsed as a whole. What is
 * left of the row when its strings are shortened is parsed at the end, so that what is not JSON is found out.
 */
export class LongRow {
  readonly #member: string;
  /** The row with its strings cut short. */
  #outline = '';
  #depth = 0;
  /** What stood last outside of a string that is no white space. */
  #before = '';
  #string: { wanted: boolean; isKey: boolean; kept: string } | undefined;
  #key = '';
  #carried = '';
  #found = 0;
  #isBlank = true;
  #wrong = false;

  constructor(member: string) {
    this.#member = member;
  }

  /** What a part of the row adds to the member's string. */
  push(part: string): string {
    const text = this.#carried + part;
    this.#carried = '';
    let found = '';
    for (let at = 0; at < text.length && !this.#wrong; ) {
      if (!this.#string) {
        at = this.#outside(text, at);
        continue;
      }
      const end = this.#endInString(text, at);
      found += this.#inside(text.slice(at, end));
      if (text.charCodeAt(end) === quote) {
        this.#closeString();
        at = end + 1;
      } else {
        // An escape whose end is in the next part.
        this.#carried = text.slice(end);
        at = text.length;
      }
    }
    return found;
  }

  /** Whether the row was an object with the member's string, once all of it was pushed. */
  get isComplete(): boolean {
    if (this.#wrong || this.#string || this.#found !== 1 || this.#isBlank) return false;
    try {
      JSON.parse(this.#outline);
      return this.#outline.trimStart().startsWith('{');
    } catch {
      return false;
    }
  }

  /** Up to the next string's first character. */
  #outside(text: string, from: number): number {
    const to = text.indexOf('"', from);
    const between = text.slice(from, to < 0 ? text.length : to);
    for (const character of between.replaceAll(/\s+/g, '')) {
      if (character === '{' || character === '[') this.#depth++;
      if (character === '}' || character === ']') this.#depth--;
      this.#before = character;
    }
    this.#keep(between);
    if (to < 0) return text.length;
    const isValue = this.#before === ':';
    const wanted = isValue && this.#depth === 1 && this.#key === this.#member;
    if (wanted) this.#found++;
    this.#string = { wanted, isKey: !isValue && this.#depth === 1, kept: '' };
    return to + 1;
  }

  #endInString(text: string, from: number): number {
    let at = from;
    while (at < text.length) {
      const code = text.charCodeAt(at);
      if (code === quote) break;
      const size = code !== backslash ? 1 : text[at + 1] === 'u' ? 6 : 2;
      if (at + size > text.length) break;
      at += size;
    }
    return at;
  }

  #inside(raw: string): string {
    const string = this.#string as { wanted: boolean; kept: string };
    let text: string;
    try {
      text = JSON.parse(`"${raw}"`);
    } catch {
      this.#wrong = true;
      return '';
    }
    if (!string.wanted) {
      string.kept = (string.kept + text).slice(0, keptOfStrings);
      return '';
    }
    if (this.#isBlank) this.#isBlank = text.trim() === '';
    return text;
  }

  #closeString(): void {
    const { isKey, kept } = this.#string as { isKey: boolean; kept: string };
    if (isKey) this.#key = kept;
    this.#before = '"';
    this.#keep(JSON.stringify(kept));
    this.#string = undefined;
  }

  #keep(text: string): void {
    this.#outline += text;
    if (this.#outline.length > keptInAll) this.#wrong = true;
  }
}
