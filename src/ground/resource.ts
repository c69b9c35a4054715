/**
 * Work with a resource that must be closed. Node.js 22, which `engines` allows, cannot parse the `using` of
 * a source file, and the sources run without a compiler.
 */

/** Runs the work, and disposes of the resource after it, also if the work fails. */
export async function withResource<RESOURCE extends Disposable | AsyncDisposable, VALUE>(
  resource: RESOURCE,
  work: (resource: RESOURCE) => Promise<VALUE>,
): Promise<VALUE> {
  try {
    return await work(resource)
  } finally {
    if (Symbol.asyncDispose in resource) await resource[Symbol.asyncDispose]()
    else resource[Symbol.dispose]()
  }
}
