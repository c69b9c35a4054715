/**
 * The load client: a process that sends orders over several connections and reads the answers as
 * raw bytes. It checks the texts after the last answer has ended, so that parsing does not disturb
 * the measurement.
 */
import { answerText, fingerprint } from './answer.ts'
import { answerCalls } from './call.ts'
import { bodyOf, Connection } from './connection.ts'
import type { Answer } from './connection.ts'
import { requestBody } from './order.ts'
import type { Order } from './order.ts'
import { loadSchema } from './protocol.ts'
import type { Load, Sighting } from './protocol.ts'
import { textOf } from './reading.ts'

/** How long an answer may take beyond its order, in milliseconds. */
const patienceMs = 60_000

async function run(load: Load): Promise<Sighting[]> {
  const waiting = [...load.orders]
  const answers: { order: Order; answer: Answer }[] = []
  const work = async (): Promise<void> => {
    const connection = new Connection(load.port)
    for (let order = waiting.shift(); order !== undefined; order = waiting.shift()) {
      const orderedMs = order.waitMs + (order.rate > 0 ? (order.tokens / order.rate) * 1000 : 0)
      const body = requestBody(order, load.body)
      answers.push({
        order,
        answer: await connection.post(load.path, body, orderedMs + patienceMs),
      })
    }
    connection.close()
  }
  await Promise.all(Array.from({ length: load.connections }, work))
  return answers.map(({ order, answer }) => check(load, order, answer))
}

function check(load: Load, order: Order, answer: Answer): Sighting {
  const actual = fingerprint(textOf(bodyOf(answer.raw), load.format))
  const expected = fingerprint(answerText(order.tokens))
  if (actual !== expected) throw new Error(`Order ${order.id}: text is ${actual}, not ${expected}.`)
  const { sentAt, endedAt, arrivals, raw } = answer
  return { id: order.id, sentAt, endedAt, arrivals, bytes: raw.length }
}

answerCalls((question) => run(loadSchema.parse(question)))
