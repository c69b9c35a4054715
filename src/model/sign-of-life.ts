/**
 * Tells the owner of a model call that its provider is alive although it says nothing: a comment, an
 * empty delta, a ping. The abort signal of the call identifies it, since a signal is the one thing of a
 * call that every provider package hands on to its `fetch`.
 */
const listeners = new WeakMap<AbortSignal, () => void>()

/** Calls the listener for every sign of life of the call that has this signal. */
export function onSignOfLife(signal: AbortSignal, listener: () => void): void {
  listeners.set(signal, listener)
}

/** What to call for a sign of life of the call with this signal; undefined where nobody listens. */
export function signOfLife(signal: AbortSignal | null | undefined): (() => void) | undefined {
  return signal == null ? undefined : listeners.get(signal)
}
