/** The type of the option `context` in every function that runs an agent: `run`, `call` and the others. */

/**
 * The option `context` for an agent whose context is `CONTEXT`. It is required if the agent has a context,
 * optional if `CONTEXT` includes `undefined`, and not allowed if the agent has none (`unknown`). An agent of
 * any context (`Agent<never>`) takes every value.
 * @example
 * ```ts
 * import type { ContextOption } from 'loomkit'
 *
 * const required: ContextOption<{ user: string }> = { context: { user: 'Ada' } }
 * const none: ContextOption<unknown> = {}
 * ```
 */
export type ContextOption<CONTEXT> = [CONTEXT] extends [never]
  ? AnyContext
  : unknown extends CONTEXT
    ? NoContext
    : undefined extends CONTEXT
      ? OptionalContext<CONTEXT>
      : RequiredContext<CONTEXT>

/** The option for an agent of any context. */
interface AnyContext {
  /** The context of the agent's callbacks and tools. The type of the agent does not say which. @defaultValue undefined */
  context?: unknown
}

/** The option for an agent without a context. */
interface NoContext {
  /** The agent has no context. Give `defineAgent` the type of one: `defineAgent<{ user: string }>(…)`. */
  context?: undefined
}

/** The option for an agent that also runs without a context. */
interface OptionalContext<CONTEXT> {
  /** The context of the agent's callbacks and tools. @defaultValue undefined */
  context?: CONTEXT
}

/** The option for an agent that needs a context. */
interface RequiredContext<CONTEXT> {
  /** The context of the agent's callbacks and tools. The agent needs one. */
  context: CONTEXT
}

/** A value that `ContextOption` allows. It is the constraint of a context that a caller may leave out. */
export type ContextValue<CONTEXT> = ContextOption<CONTEXT>['context']

/**
 * The context that each message must bring if the session itself has the context `GIVEN`. A session with a
 * context needs none.
 */
export type ContextLeft<CONTEXT, GIVEN> = [GIVEN] extends [undefined]
  ? CONTEXT
  : OptionalIn<CONTEXT>

/** The context of a session that has one: a message may bring another. */
export type OptionalIn<CONTEXT> = [CONTEXT] extends [never] ? never : CONTEXT | undefined

/** The last parameter of a function that runs an agent: required if the agent needs a context. */
export type OptionsArgument<OPTIONS, CONTEXT> =
  undefined extends ContextValue<CONTEXT>
    ? [options?: OPTIONS & ContextOption<CONTEXT>]
    : [options: OPTIONS & ContextOption<CONTEXT>]
