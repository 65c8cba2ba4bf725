export type Xml = string | number | boolean | Xml[] | { readonly [name: string]: Xml | undefined };

/** A document; members that are lists are elements that repeat. */
export function xml(name: string, content: Xml): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${element(name, content)}`;
}

function element(name: string, content: Xml): string {
  if (Array.isArray(content)) return content.map((one) => element(name, one)).join('');
  if (typeof content !== 'object') return `<${name}>${escaped(String(content))}</${name}>`;
  const inner = Object.entries(content).map(([member, value]) => (value === undefined ? '' : element(member, value)));
  return `<${name}>${inner.join('')}</${name}>`;
}

/** The texts of all elements of a name, which have none inside. */
export function textsOf(name: string, document: string): string[] {
  return [...document.matchAll(new RegExp(`<${name}>([^<]*)</${name}>`, 'g'))].map(([, text]) => unescaped(text));
}

const entities: readonly (readonly [string, string])[] = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ["'", '&apos;'],
];

function escaped(text: string): string {
  const plain = entities.reduce((escaping, [character, entity]) => escaping.replaceAll(character, entity), text);
  // XML has no other way to write control characters.
  return plain.replaceAll(/[\p{Cc}]/gu, (character) => `&#x${character.charCodeAt(0).toString(16)};`);
}

function unescaped(text: string): string {
  const numbers = text.replaceAll(/&#(x?)([0-9a-f]+);/gi, (_, hex, digits) =>
    String.fromCodePoint(Number.parseInt(digits, hex ? 16 : 10)),
  );
  return entities.toReversed().reduce((plain, [character, entity]) => plain.replaceAll(entity, character), numbers);
}
