/** The names of agents and tools. */

/** True for 1 to 64 letters, digits, `_` and `-`, which every provider accepts as the name of a function. */
export const isName = (name: unknown): boolean =>
  typeof name === 'string' && /^[a-zA-Z0-9_-]{1,64}$/.test(name)
