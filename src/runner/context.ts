/** The context of a run, as the agent's callbacks and tools are given it. */

/**
 * A run without a context hands `undefined` to callbacks that were declared to take anything. That
 * an agent which needs a context is given one is for the caller of `run` to see to; the overload
 * says so in one place.
 */
export function contextOf<CONTEXT>(options: { context?: CONTEXT }): CONTEXT
export function contextOf(options: { context?: unknown }): unknown {
  return options.context
}
