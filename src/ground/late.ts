/**
 * Modules that load at their first use. Node.js resolves the address of a module again at each
 * `import()`, also when the module is loaded: about 40 µs for each request and import.
 */

/** Returns a function that loads the module at its first call. A failed load is tried again. */
export function late<MODULE>(load: () => Promise<MODULE>): () => Promise<MODULE> {
  let loaded: Promise<MODULE> | undefined
  return () =>
    (loaded ??= load().catch((error: unknown) => {
      loaded = undefined
      throw error
    }))
}
