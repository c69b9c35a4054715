/** The metrics of Redis: its commands, their latency and their failures. */
import { Counter, Histogram, type Registry } from 'prom-client'

import type { StoreCommand } from '../../store/redis.ts'

const commandSeconds = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5]

/** Returns the function that receives each command. An append carries the events of many tokens. */
export function storeMetrics(registry: Registry): (command: StoreCommand) => void {
  const registers = [registry]
  const latency = new Histogram({
    name: 'loom_redis_command_duration_seconds',
    help: 'Time from a command to Redis to its reply, by script. The value other stands for every command that is not a script.',
    labelNames: ['command'],
    buckets: commandSeconds,
    registers,
  })
  const failures = new Counter({
    name: 'loom_redis_command_failures_total',
    help: 'Commands to Redis that failed. Loom repeats most of them.',
    labelNames: ['command'],
    registers,
  })
  return ({ name: command, durationMs, failed }) => {
    latency.observe({ command }, durationMs / 1000)
    if (failed) failures.inc({ command })
  }
}
