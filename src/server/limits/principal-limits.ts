/** The limits of principals over all instances: `LOOM_LIMIT_…`. The counters are in Redis, or in this process. */
import { randomUUID } from 'node:crypto'

import { LoomError } from '../../ground/error.ts'
import type { Sender, TurnMeter } from '../../session/turn-meter.ts'
import { type Spending } from '../../spending.ts'
import type { RedisClient } from '../../store/redis/client.ts'
import type { Quotas } from './quotas.ts'
import { memorySlots, redisSlots, type Slots } from './slots.ts'
import { QuotaWindow, type Standing } from './window.ts'

/** The time after which a refusal for too many turns or streams may be over, in milliseconds. */
const slotRetryMs = 1000

const standings = new WeakMap<Error, Standing>()

export class PrincipalLimits implements TurnMeter {
  readonly #quotas: Quotas
  readonly #requests: QuotaWindow | undefined
  readonly #spending: readonly QuotaWindow[]
  readonly #turns: Slots
  readonly #streams: Slots
  readonly #client: RedisClient | undefined
  readonly #report: (error: unknown) => void

  /** @param client undefined counts in this process */
  constructor(
    quotas: Quotas,
    { client, report }: { client: RedisClient | undefined; report: (error: unknown) => void },
  ) {
    const { requests, tokens, cost } = quotas
    this.#quotas = quotas
    this.#client = client
    this.#report = report
    this.#requests = requests && new QuotaWindow('requests', requests, client)
    this.#spending = [
      ...(tokens === undefined ? [] : [new QuotaWindow('tokens', tokens, client)]),
      ...(cost === undefined ? [] : [new QuotaWindow('cost', cost, client)]),
    ]
    this.#turns = client === undefined ? memorySlots() : redisSlots(client, 'turns')
    this.#streams = client === undefined ? memorySlots() : redisSlots(client, 'streams')
  }

  /** Counts a request. Resolves with the limits that it counts for. @throws LoomError `limited` */
  async countRequest(sender: Sender): Promise<Standing | undefined> {
    if (this.#requests === undefined) return undefined
    const { isExceeded, ...standing } = await this.#requests.add(keyOf(sender), 1)
    if (isExceeded) throw exceeded(standing)
    return standing
  }

  /** Opens a stream. Resolves with the function that closes it. @throws LoomError `limited` */
  async openStream(sender: Sender): Promise<() => void> {
    const { streams: max } = this.#quotas
    if (max === undefined) return () => {}
    return enter(this.#streams, keyOf(sender), { max, what: 'streams' })
  }

  async reserve(sender: Sender): Promise<() => void> {
    const key = keyOf(sender)
    for (const window of this.#spending) {
      const standing = await window.read(key)
      if (standing.remaining <= 0) throw exceeded(standing)
    }
    const { turns: max } = this.#quotas
    return max === undefined ? () => {} : enter(this.#turns, key, { max, what: 'answers' })
  }

  begin(sender: Sender): () => void {
    if (this.#quotas.turns === undefined) return () => {}
    const [key, id] = [keyOf(sender), randomUUID()]
    const entered = this.#turns.enter(key, id, Infinity)
    return () => void entered.then(() => this.#turns.leave(key, id)).catch(this.#report)
  }

  spend(sender: Sender, { usage, usd }: Spending): void {
    for (const window of this.#spending) {
      const amount = window.name === 'cost' ? usd : usage.inputTokens + usage.outputTokens
      if (amount > 0) window.add(keyOf(sender), amount).catch(this.#report)
    }
  }

  /** Returns the limit that a refusal is about, if it is one of a window. */
  standingOf(error: Error): Standing | undefined {
    return standings.get(error)
  }

  close(): void {
    this.#turns.close()
    this.#streams.close()
    this.#client?.disconnect()
  }
}

/** The names are encoded, so that no two principals have one key, and no brace begins a hash tag. */
function keyOf({ tenant, subject }: Sender): string {
  const names = subject === undefined ? [tenant] : [tenant, subject]
  return names.map((name) => encodeURIComponent(name.toWellFormed())).join('/') || '-'
}

async function enter(
  slots: Slots,
  key: string,
  { max, what }: { max: number; what: string },
): Promise<() => void> {
  const id = randomUUID()
  if (await slots.enter(key, id, max)) return () => slots.leave(key, id)
  throw new LoomError(
    'limited',
    `You may have ${max} ${what} at once. Wait until one of them has ended, and send the request again.`,
    { retryable: true, retryAfterMs: slotRetryMs },
  )
}

const units: Readonly<Record<string, string>> = { cost: 'US dollars' }

function exceeded(standing: Standing): LoomError {
  const { name, quota, resetS } = standing
  const unit = units[name] ?? name
  const error = new LoomError(
    'limited',
    `You have used up your limit of ${quota.amount} ${unit} in ${quota.windowS} seconds. Send the request again in ${resetS} seconds.`,
    { retryable: true, retryAfterMs: resetS * 1000 },
  )
  standings.set(error, standing)
  return error
}
