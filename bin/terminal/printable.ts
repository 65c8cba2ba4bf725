/** Control characters, and those that turn the direction of writing. */
const commands = /[\p{Cc}\p{Bidi_Control}]/gu;

/**
 * Text whose control characters are seen and not obeyed, since whoever writes a prompt or trains a model could move the
 * cursor or rename the window with them. Line breaks and tabs stay.
 */
export function printable(text: string): string {
  return text.replaceAll(commands, (character) => {
    if (character === '\n' || character === '\t') return character;
    const code = character.charCodeAt(0);
    // Unicode has pictures of the first 32 and of DEL.
    if (code < 0x20) return String.fromCharCode(0x2400 + code);
    return code === 0x7f ? '\u2421' : `<U+${code.toString(16).toUpperCase().padStart(4, '0')}>`;
  });
}

/** The same where a stream is a terminal; files and pipes get the text as it is. */
export function shown(text: string, stream: NodeJS.WriteStream): string {
  return stream.isTTY ? printable(text) : text;
}

/** Whether a stream is a terminal that moves its cursor when told to. */
export function isInteractive(stream: NodeJS.WriteStream): boolean {
  return stream.isTTY && process.env.TERM !== 'dumb';
}
