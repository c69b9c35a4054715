-- Renews a heartbeat: a deadline in the register, by the clock of Redis. The lapsed instances are then one
-- range of scores. The heartbeat also stores the format of the data. If a later version has stored a later
-- one, the instance does not count as alive, so that instances of that version take its turns over. `sharing` has the
-- instances that read messages in segments.
-- KEYS register format sharing
-- ARGV keptMs instance ttlMs format
-- RETURNS format
-- USES clock

local stored = redis.call('GET', key.format) or '0'
if tonumber(stored) <= tonumber(arg.format) then
  redis.call('SET', key.format, arg.format, 'PX', arg.keptMs)
  redis.call('ZADD', key.register, now() + arg.ttlMs, arg.instance)
  redis.call('PEXPIRE', key.register, arg.keptMs)
  redis.call('ZREMRANGEBYSCORE', key.sharing, '-inf', now())
  redis.call('ZADD', key.sharing, now() + arg.ttlMs, arg.instance)
  redis.call('PEXPIRE', key.sharing, arg.keptMs)
end
return returns({ format = stored })
