/**
 * Reports to the owner of a model call that its provider is alive although it sends no content: a
 * comment, an empty delta, a ping. The abort signal of the call identifies it, because every provider
 * package passes only the signal on to its `fetch`.
 */
const listeners = new WeakMap<AbortSignal, () => void>()

/** Calls the listener for every sign of life of the call with this signal. */
export function onSignOfLife(signal: AbortSignal, listener: () => void): void {
  listeners.set(signal, listener)
}

/** Returns the listener of the call with this signal; undefined if there is none. */
export function signOfLife(signal: AbortSignal | null | undefined): (() => void) | undefined {
  return signal == null ? undefined : listeners.get(signal)
}
