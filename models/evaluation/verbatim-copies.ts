/**
 * The longest run of characters that each of some texts shares with what is read. The texts are kept as a suffix automaton
 * (Blumer et al., 1985), so that a corpus of any size passes by once, in memory that the texts alone decide. Characters are
 * UTF-16 code units.
 */
export class VerbatimCopies {
  readonly #texts: readonly string[];
  readonly #symbols = new Int32Array(2 ** 16).fill(-1);
  readonly #alphabet: number;
  /** [states * alphabet]: where a symbol leads, 0 where nowhere; state 0 is the empty string. */
  readonly #next: Int32Array;
  /** [states]: the state of the longest suffix that occurs elsewhere, too. */
  readonly #link: Int32Array;
  /** [states]: of the longest string that ends in this state. */
  readonly #length: Int32Array;
  /** [states]: the longest run read that ended here. */
  readonly #reached: Int32Array;
  #states = 1;

  /** @throws RangeError when the texts' characters are more than an automaton is made for */
  constructor(texts: readonly string[]) {
    this.#texts = texts;
    const separator = 0;
    let [symbols, characters] = [1, 0];
    for (const text of texts) {
      characters += text.length + 1;
      for (let i = 0; i < text.length; i++) {
        const unit = text.charCodeAt(i);
        if (this.#symbols[unit] < 0) this.#symbols[unit] = symbols++;
      }
    }
    this.#alphabet = symbols;
    const states = 2 * characters + 1;
    if (states * symbols > mostTransitions) {
      throw new RangeError(`${characters} characters of ${symbols} kinds are too many to look for: take fewer texts`);
    }
    this.#next = new Int32Array(states * symbols);
    this.#link = new Int32Array(states).fill(-1);
    this.#length = new Int32Array(states);
    this.#reached = new Int32Array(states);
    let last = 0;
    for (const text of texts) {
      for (let i = 0; i < text.length; i++) last = this.#append(last, this.#symbols[text.charCodeAt(i)]);
      last = this.#append(last, separator);
    }
  }

  #append(last: number, symbol: number): number {
    const [next, link, length, alphabet] = [this.#next, this.#link, this.#length, this.#alphabet];
    const state = this.#states++;
    length[state] = length[last] + 1;
    let from = last;
    for (; from >= 0 && next[from * alphabet + symbol] === 0; from = link[from]) next[from * alphabet + symbol] = state;
    if (from < 0) {
      link[state] = 0;
      return state;
    }
    const target = next[from * alphabet + symbol];
    if (length[target] === length[from] + 1) {
      link[state] = target;
      return state;
    }
    const copy = this.#states++;
    next.copyWithin(copy * alphabet, target * alphabet, (target + 1) * alphabet);
    length[copy] = length[from] + 1;
    link[copy] = link[target];
    for (; from >= 0 && next[from * alphabet + symbol] === target; from = link[from])
      next[from * alphabet + symbol] = copy;
    link[target] = copy;
    link[state] = copy;
    return state;
  }

  /** A document of those that may have been copied from. */
  read(document: string): void {
    const [next, link, length, reached, alphabet] = [
      this.#next,
      this.#link,
      this.#length,
      this.#reached,
      this.#alphabet,
    ];
    let [state, run] = [0, 0];
    for (let i = 0; i < document.length; i++) {
      const symbol = this.#symbols[document.charCodeAt(i)];
      if (symbol < 0) {
        state = 0;
        run = 0;
        continue;
      }
      while (state !== 0 && next[state * alphabet + symbol] === 0) {
        state = link[state];
        run = length[state];
      }
      const target = next[state * alphabet + symbol];
      if (target === 0) continue;
      state = target;
      run++;
      if (run > reached[state]) reached[state] = run;
    }
  }

  /** Of each text, in characters. */
  longest(): number[] {
    const [next, link, length, alphabet] = [this.#next, this.#link, this.#length, this.#alphabet];
    const reached = this.#reached.slice();
    const byLength = Int32Array.from({ length: this.#states }, (_, state) => state).sort(
      (a, b) => length[a] - length[b],
    );
    // Whoever was read has its suffixes read, too; and a string that was not still has the suffix that was.
    for (let i = byLength.length - 1; i > 0; i--) {
      const parent = link[byLength[i]];
      if (reached[byLength[i]] > 0 && parent > 0) reached[parent] = length[parent];
    }
    for (let i = 1; i < byLength.length; i++) {
      const state = byLength[i];
      if (reached[state] === 0) reached[state] = reached[link[state]];
    }
    return this.#texts.map((text) => {
      let [state, most] = [0, 0];
      for (let i = 0; i < text.length; i++) {
        state = next[state * alphabet + this.#symbols[text.charCodeAt(i)]];
        if (reached[state] > most) most = reached[state];
      }
      return most;
    });
  }
}

/** 2 GiB of them. */
const mostTransitions = 2 ** 29;
