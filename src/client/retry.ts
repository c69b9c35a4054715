/** Repeated requests: which failures are temporary, and the pauses between the attempts. */

export interface Retry {
  attempts: number
  pauseMs: number
  silenceMs: number
  signal: AbortSignal | undefined
}

/**
 * Whether a failure is temporary: a lost connection, an instance that shuts down, an unavailable
 * store.
 */
export const isTemporary = (status: number) => status === 502 || status === 503 || status === 504

export async function callWithRetries(
  call: () => Promise<Response>,
  retry: Omit<Retry, 'silenceMs'>,
): Promise<Response> {
  for (let attempt = 1; ; attempt++) {
    try {
      const response = await call()
      if (!isTemporary(response.status) || attempt >= retry.attempts) return response
    } catch (error) {
      if (retry.signal?.aborted === true || attempt >= retry.attempts) throw error
    }
    await pause(attempt, retry)
  }
}

/** Waits before the next attempt. @throws the reason of the signal */
export async function pause(
  attempt: number,
  { pauseMs, signal }: Pick<Retry, 'pauseMs' | 'signal'>,
): Promise<void> {
  const delayMs = Math.min(pauseMs * 2 ** (attempt - 1), 5000)
  await new Promise<void>((resolve) => {
    const end = () => {
      clearTimeout(timer)
      signal?.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, delayMs * (0.5 + Math.random() / 2))
    signal?.addEventListener('abort', end)
  })
  signal?.throwIfAborted()
}

/** Rejects and calls `onLate` if the work takes longer than `ms` milliseconds. */
export async function inTime<VALUE>(
  ms: number,
  work: Promise<VALUE>,
  onLate: () => void,
): Promise<VALUE> {
  let timer: ReturnType<typeof setTimeout> | undefined
  const silence = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      reject(new TypeError('network error: the server is silent'))
      onLate()
    }, ms)
  })
  try {
    return await Promise.race([work, silence])
  } finally {
    clearTimeout(timer)
  }
}
