-- A heartbeat is a deadline in the register, by the store's clock; who lapsed is then one range.
-- KEYS register
-- ARGV keptMs instance ttlMs
-- RETURNS done
-- USES clock

redis.call('ZADD', key.register, now() + arg.ttlMs, arg.instance)
redis.call('PEXPIRE', key.register, arg.keptMs)
return returns({ done = true })
