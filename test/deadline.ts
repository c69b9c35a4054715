/** A deadline that says what it was waiting for. */
export async function within<VALUE>(
  ms: number,
  label: string,
  promise: Promise<VALUE>,
): Promise<VALUE> {
  const { promise: late, reject } = Promise.withResolvers<never>()
  const timer = setTimeout(() => reject(new Error(`${label}: not within ${ms} ms`)), ms)
  return Promise.race([promise, late]).finally(() => clearTimeout(timer))
}
