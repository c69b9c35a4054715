-- Renews a heartbeat: a deadline in the register, by the clock of Redis. The lapsed instances are then one
-- range of scores.
-- KEYS register
-- ARGV keptMs instance ttlMs
-- RETURNS done
-- USES clock

redis.call('ZADD', key.register, now() + arg.ttlMs, arg.instance)
redis.call('PEXPIRE', key.register, arg.keptMs)
return returns({ done = true })
