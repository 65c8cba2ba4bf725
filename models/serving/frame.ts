/**
 * A JSON head and the bytes that it speaks of, as one body: the head's length as uint32, little-endian, the head, and the
 * bytes as they are.
 */
export interface Frame {
  readonly head: unknown;
  readonly payload: Uint8Array;
}

const lengthBytes = 4;

export function encodeFrame(head: unknown, payload: readonly Uint8Array[]): Uint8Array {
  const json = Buffer.from(JSON.stringify(head));
  const length = Buffer.alloc(lengthBytes);
  length.writeUInt32LE(json.length);
  return Buffer.concat([length, json, ...payload]);
}

/** @throws RangeError when the bytes are no frame */
export function decodeFrame(bytes: Uint8Array): Frame {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.length < lengthBytes) throw new RangeError(`${buffer.length} bytes, too few`);
  const end = lengthBytes + buffer.readUInt32LE();
  if (end > buffer.length) throw new RangeError(`a head of ${end - lengthBytes} bytes in a body of ${buffer.length}`);
  try {
    return { head: JSON.parse(buffer.toString('utf8', lengthBytes, end)), payload: buffer.subarray(end) };
  } catch {
    throw new RangeError('the head is not JSON');
  }
}

/**
 * Cuts a payload into parts of the lengths given.
 *
 * @throws RangeError when they are not exactly the payload
 */
export function cut(payload: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const whole = lengths.reduce((sum, length) => sum + length, 0);
  if (whole !== payload.length) throw new RangeError(`${payload.length} bytes follow the head, not ${whole}`);
  let at = 0;
  return lengths.map((length) => {
    at += length;
    return payload.subarray(at - length, at);
  });
}
