/** The context of a run, as the agent's callbacks and tools receive it. */

/**
 * Without a context, callbacks receive `undefined`, also if they declare another type. The caller of `run`
 * must pass a context to an agent that needs one. The overload states this in one place.
 */
export function contextOf<CONTEXT>(options: { context?: CONTEXT }): CONTEXT
export function contextOf(options: { context?: unknown }): unknown {
  return options.context
}
