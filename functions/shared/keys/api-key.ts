import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** An API key: `sl_live_<id>_<secret><checksum>`, all but the beginning in letters and digits. */
export interface ApiKey {
  /** By which it is looked up; no secret. */
  readonly id: string;
  readonly secret: string;
}

const beginning = 'sl_live_';
const letters = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const idLength = 12;
/** 256 bits. */
const secretBytes = 32;
const secretLength = 43;
/** Of CRC-32's 32 bits. */
const checksumLength = 6;
const form = new RegExp(
  `^${beginning}([0-9A-Za-z]{${idLength}})_([0-9A-Za-z]{${secretLength}})([0-9A-Za-z]{${checksumLength}})$`,
);

/** A new key, at random. */
export function makeKey(): ApiKey {
  return {
    id: inLetters(randomBytes(9), idLength + 1).slice(-idLength),
    secret: inLetters(randomBytes(secretBytes), secretLength),
  };
}

export function keyText({ id, secret }: ApiKey): string {
  return `${beginning}${id}_${secret}${checksumOf(id, secret)}`;
}

/** The key in a text; undefined when it cannot be one, a letter being wrong, say: that takes no look-up. */
export function readKey(text: string): ApiKey | undefined {
  const [, id, secret, checksum] = form.exec(text) ?? [];
  return id !== undefined && checksum === checksumOf(id, secret) ? { id, secret } : undefined;
}

/** Of a secret of 256 random bits one round is enough: there is nothing to guess. */
export function hashSecret(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** In constant time. */
export function isSecret(secret: string, hash: string): boolean {
  return timingSafeEqual(Buffer.from(hashSecret(secret), 'hex'), Buffer.from(hash, 'hex'));
}

function checksumOf(id: string, secret: string): string {
  const sum = Buffer.alloc(4);
  sum.writeUInt32BE(crc32(`${id}_${secret}`));
  return inLetters(sum, checksumLength);
}

/** A number in 62 letters and digits, the highest first. */
function inLetters(bytes: Uint8Array, length: number): string {
  let number = BigInt(`0x${Buffer.from(bytes).toString('hex')}`);
  let text = '';
  while (text.length < length) {
    text = letters[Number(number % 62n)] + text;
    number /= 62n;
  }
  return text;
}
