/** Memory that is written anew at each use: to take it afresh, zeroed, would take longer than much of what is done in it. */
export class Scratch {
  #memory = new Float32Array(0);

  /** So many numbers, whatever they are; the next call may give the same ones out again. */
  floats(length: number): Float32Array {
    if (this.#memory.length < length) this.#memory = new Float32Array(length);
    return this.#memory.subarray(0, length);
  }
}
